"""Many cuts in one call: copies of the series one after another, tables included, each with its own future.

The copy of a cut is the bars up to HORIZON rows after it and every row of the tables, moved by whole weeks as the
pieces of quilt.py are. A call on thirty copies costs about as much as three on the series, so every way can be tried
at every cut. Like a quilt, copies only clear columns: what they cannot clear is cut in the series itself (search.py),
and a leak of one date or row number they may not have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

from pipelines.features.causality.compare import differing
from pipelines.features.causality.modes import Mode, perturbed
from pipelines.features.causality.quilt import HORIZON, hidden
from pipelines.features.causality.world import World

Numbers = NDArray[np.int64]

_STACKED = 65_536
"""Rows of a stack, were each copy whole: enough that a call's fixed cost is small; dates stay far below year 9999."""
_WEEK_US = timedelta(weeks=1) // timedelta(microseconds=1)


@dataclass(frozen=True)
class _Stack:
    """Copies of one table, one after another."""

    frame: pl.DataFrame
    later: NDArray[np.bool_]  # the rows that are the future of their copy


def uncleared_in_copies(world: World, cuts: Numbers, modes: Sequence[Mode]) -> set[str]:
    """Columns that any mode changes before any of the cuts in a copy, or that copies cannot show."""
    found: set[str] = set()
    most = max(1, _STACKED // max(1, world.rows))
    for first in range(0, cuts.size, most):
        found |= _moved(world, cuts[first : first + most], modes, first)
    return found


def _moved(world: World, cuts: Numbers, modes: Sequence[Mode], number: int) -> set[str]:
    source = [np.arange(min(cut + 1 + HORIZON, world.rows)) for cut in cuts]
    weeks = _weeks(world)
    bars = _stack(world.bars, source, [rows > cut for rows, cut in zip(source, cuts, strict=True)], weeks)
    tables = {}
    for name, table in world.tables.items():
        whole = np.arange(table.frame.height)
        later = [world.known[name] > world.usable[cut] for cut in cuts]
        tables[name] = _stack(table.frame, [whole] * cuts.size, later, weeks)
    frames = {name: stack.frame for name, stack in tables.items()}
    before = world.run(bars.frame, frames, "copies of the bars in a row").filter(~bars.later)
    found = hidden(world.features[np.concatenate(source)[~bars.later]], before)
    for mode in modes:
        after = _with_future(world, bars, tables, mode, number).select(before.columns)
        found |= set(differing(before, after, bitwise=mode.same_shape))
    return found


def _with_future(
    world: World, bars: _Stack, tables: Mapping[str, _Stack], mode: Mode, number: int
) -> pl.DataFrame:
    """The features of the rows before each cut, the future of each copy gone through the mode."""
    rng = world.random(number, mode)
    changed, kept = perturbed(bars.frame, bars.later, mode, rng)
    beside = {name: perturbed(stack.frame, stack.later, mode, rng)[0] for name, stack in tables.items()}
    after = world.run(changed, beside, f"copies of the bars in a row, their future {mode.name}")
    return after.filter(~bars.later[kept])


def _stack(
    frame: pl.DataFrame, source: Sequence[Numbers], later: Sequence[NDArray[np.bool_]], weeks: int
) -> _Stack:
    number = np.repeat(np.arange(len(source)), [rows.size for rows in source])
    shift = pl.Series(number * weeks * _WEEK_US, dtype=pl.Int64).cast(pl.Duration("us"))
    rows = frame[np.concatenate(source)]
    moved = rows.with_columns((cs.datetime() | cs.date()) + shift).cast(frame.schema)
    return _Stack(moved, np.concatenate(later))


def _weeks(world: World) -> int:
    """Weeks from one copy to the next: longer than all that happens in one, with room for a day's shift."""
    ends = [moments for moments in (world.times, *world.known.values()) if moments.size]
    span = max(int(moments.max()) for moments in ends) - min(int(moments.min()) for moments in ends)
    return span // _WEEK_US + 3
