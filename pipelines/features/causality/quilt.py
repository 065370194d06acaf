"""Every row at once: short pieces of the bars, each with its own future, sewn into one long series.

The piece of row t is the `memory` rows up to t and the HORIZON rows after it, changed. Pieces are moved by whole
weeks, so that hours and weekdays stay what they were and a gap lies between any two. A few dozen calls of the
function look at 2,000 rows, where one call a row would be 2,000.

A difference at row t is no proof: a function that remembers across a gap, or counts rows, differs for another
reason. So the quilt only clears columns; what it cannot clear is looked at in the whole series (search.py). What it
cannot see is a leak of one date or one row number, which a moved piece does not have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

from pipelines.features.causality.compare import differing
from pipelines.features.causality.modes import Mode, perturbed
from pipelines.features.causality.world import Compute, World, run

Numbers = NDArray[np.int64]

HORIZON = 64
"""Rows after each row that are changed. What only reads further is found by cuts at most as far apart."""
_SEWN = 32_768  # rows of a quilt: enough that a call's fixed cost is small, few enough for the cache
_STRONGEST = 3  # modes that take turns: these change every number, each by another rule
_WEEK_US = timedelta(weeks=1) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Part:
    """Some columns of the function, computed on their own."""

    columns: tuple[str, ...]
    compute: Compute
    memory: int  # rows up to a row, itself included, that a value may need


@dataclass(frozen=True)
class Quilt:
    """Pieces sewn together."""

    bars: pl.DataFrame
    rows: Numbers  # the row of the bars that each piece looks at
    at: Numbers  # where that row lies in the quilt
    later: NDArray[np.bool_]  # the rows of the quilt that are the future of their piece


def uncleared(world: World, part: Part, rows: Numbers, modes: Sequence[Mode], *, thorough: bool) -> set[str]:
    """Columns of the part that differ in the quilt under any mode, or that it cannot show though the whole series can.

    rows : rows to look at.
    thorough : every mode on every row; otherwise the first three take turns.
    """
    open_: set[str] = set()
    quilts = min(rows.size, -(-rows.size * (part.memory + HORIZON) // _SEWN))
    rows = np.random.default_rng(world.seed).permutation(
        rows
    )  # rows of one pattern must not meet one mode only
    turns = cycle(modes[:_STRONGEST])
    for number in range(quilts):
        quilt = _sewn(world, rows[number::quilts], part.memory)
        for mode in modes if thorough else [next(turns)]:
            open_ |= _moved(world, part, quilt, mode, number)
    return open_


def _moved(world: World, part: Part, quilt: Quilt, mode: Mode, number: int) -> set[str]:
    """Columns that another future changes in some piece, or that pieces cannot show.

    A value that is that of the whole series, in a piece with another future, does not depend on the future. Only
    where it is not, as with an average that never forgets, the pieces are run with their own future to compare.
    """
    changed, kept = perturbed(quilt.bars, quilt.later, mode, world.random(number, mode))
    after = run(part.compute, changed, {}, f"pieces of the bars in a row, their future {mode.name}")
    after = after.select(part.columns)[np.cumsum(kept)[quilt.at] - 1]
    whole = world.features.select(part.columns)[quilt.rows]
    other = list(differing(whole, after, bitwise=True))
    if not other:
        return set()
    before = run(part.compute, quilt.bars, {}, "pieces of the bars in a row").select(other)[quilt.at]
    moved = differing(before, after.select(other), bitwise=mode.same_shape)
    return set(moved) | hidden(whole.select(other), before)


def _sewn(world: World, rows: Numbers, memory: int) -> Quilt:
    first = np.maximum(rows - memory + 1, 0)
    stop = np.minimum(rows + 1 + HORIZON, world.rows)
    source = np.concatenate([np.arange(a, b) for a, b in zip(first, stop, strict=True)])
    size = stop - first
    before = np.cumsum(size) - size
    week = world.times[first] // _WEEK_US
    weeks = (world.times[stop - 1] - world.times[first]) // _WEEK_US + 3  # one to spare for a day's shift
    moved = (np.cumsum(weeks) - weeks - week + week[0]) * _WEEK_US
    shift = pl.Series(np.repeat(moved, size)).cast(pl.Duration("us"))
    bars = world.bars[source]
    moments = (cs.datetime() | cs.date()) + shift
    return Quilt(
        bars=bars.with_columns(moments).cast(bars.schema),
        rows=rows,
        at=before + rows - first,
        later=source > np.repeat(rows, size),
    )


def hidden(whole: pl.DataFrame, pieces: pl.DataFrame) -> set[str]:
    """Columns that are unknown in a piece where the whole series knows them; both of the same rows."""
    return {
        name
        for name in pieces.columns
        if pieces.get_column(name).null_count()
        and (pieces.get_column(name).is_null() & whole.get_column(name).is_not_null()).any()
    }
