"""The engine: runs the formulas over a table of bars and hides what a gap or a warm-up makes unknown.

Rows are computed in blocks, by threads, each with enough rows before it for the longest window; values do not depend
on where blocks begin. Blocks are long, because a thread waits for the interpreter between any two calls of compiled
code, and what nobody asks for again is given back, or a block would not fit into memory that is at hand. What does not
live here: the formulas (one file per group) and which rows are known (known.py).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData
from pipelines.features.block import Array, Block, Inputs
from pipelines.features.compiled import kernel
from pipelines.features.day import known_runs
from pipelines.features.declaration import Feature
from pipelines.features.known import Known
from pipelines.features.sets import feature_set, features_named, require_existing
from pipelines.market.schemas import CANDLES, UTC_US
from pipelines.market.timeframes import length_of

_BLOCK = 131_072  # rows at most; measured: half and twice as many are slower
_HISTORY = (
    280  # rows before a block: the longest window is 276 bars (macd); longer ones run through whole columns
)
_ASKED_LAST: dict[tuple[timedelta, tuple[Feature, ...]], list[list[object]]] = {}
"""What _asked_last found, by timeframe and features: which formula asks for which is the same for all bars."""


def compute(
    bars: pl.DataFrame,
    timeframe: str,
    names: Sequence[str] | None = None,
    *,
    funding: pl.DataFrame | None = None,
    flow: pl.DataFrame | None = None,
    breadth: pl.DataFrame | None = None,
    hours: pl.DataFrame | None = None,
    sessions: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Features of bars: [open_time, one float64 column per name], the same rows as the bars, raw units.

    bars : BARS rows of one symbol, sorted by open_time, no bar twice; a missing row is an unknown gap.
    names : features to compute, in this order; all of v5 when None.
    funding, flow, breadth, hours : FUNDING, FLOW of the cohorts, what breadth() makes and 1 h BARS of the same symbol,
        each needed by its group only.
    sessions : SESSIONS that hold every bar; None: the market never closes and a day begins at 00:00 UTC.
    A value is null before row lookback − 1 after the start or an unknown gap, and where its definition says so. The
    hours in which a market is closed are no unknown gap, but a lookback in minutes or by the clock ends there.
    For features from ticks a bar without ticks is a gap too.
    Raises UnknownName for a feature or timeframe nobody declared, or a feature that bars of the timeframe do not
    have; BadData for bars out of order, without prices or outside the sessions; MissingData when a column or a
    group's table is absent.
    """
    wanted = features_named(feature_set("v5").names if names is None else names)
    if len(set(wanted)) < len(wanted):
        twice = next(one.name for one in wanted if wanted.count(one) > 1)
        raise BadData(f"features must be named once each, found {twice!r} more often; leave one of them out.")
    require_existing(wanted, timeframe)
    length = length_of(timeframe)
    unbroken = _unbroken(bars, length)
    if bars.is_empty():
        return bars.select("open_time", *(pl.lit(None, pl.Float64).alias(one.name) for one in wanted))
    tables = {"funding": funding, "flow": flow, "breadth": breadth, "hours": hours, "sessions": sessions}
    inputs = Inputs(bars, length, known_runs(bars["open_time"], length, unbroken, sessions), unbroken, tables)
    return pl.DataFrame([bars.get_column("open_time"), *_columns(inputs, wanted, pl.thread_pool_size())])


def _unbroken(bars: pl.DataFrame, length: timedelta) -> NDArray[np.int64]:
    """Number of each bar's run without any gap, from 0, (N,); raises BadData for bars that are no clean series."""
    missing = [name for name in CANDLES if name not in bars.columns]
    if missing:
        raise BadData(
            f"bars need the columns of BARS: {', '.join(missing)} not found; build them with bars.py."
        )
    if bars.schema["open_time"] != UTC_US:
        raise BadData(f"open_time must be {UTC_US}, found {bars.schema['open_time']}; cast the bars.")
    for name in CANDLES:
        nulls = bars.get_column(name).null_count()
        if nulls:
            raise BadData(f"bars need {name!r} in every row, found {nulls} nulls; drop unknown bars instead.")
    opened = bars.get_column("open_time").to_physical().to_numpy()
    runs, row = _runs(opened, length // timedelta(microseconds=1))
    if row < bars.height:
        at = bars.get_column("open_time")[row]
        raise BadData(
            f"bars must be sorted by open_time without repeats, row {row} ({at}) is not; sort them."
        )
    return runs


@kernel
def _runs(opened: NDArray[np.int64], length: int) -> tuple[NDArray[np.int64], int]:
    """Number of each row's run of rows `length` apart, (N,), and the first row not after the one before, or N."""
    runs, run, unsorted = np.zeros_like(opened), 0, opened.size
    for i in range(1, opened.size):
        step = opened[i] - opened[i - 1]
        run += step != length
        runs[i] = run
        if step <= 0:
            unsorted = min(unsorted, i)
    return runs, unsorted


def _columns(inputs: Inputs, wanted: Sequence[Feature], threads: int) -> list[pl.Series]:
    """One float64 column per feature; one that is a column of the bars, unchanged, shares its memory."""
    rows = inputs.bars.height
    known, size = Known(inputs, wanted), _block_size(rows, threads)
    fresh = iter(np.empty((sum(one.column is None for one in wanted), rows)))
    values = [next(fresh) if one.column is None else inputs.column(one.column) for one in wanted]
    with np.errstate(all="ignore"):
        last = _asked_last(inputs, wanted) if size < rows else [[]] * len(wanted)

    def fill(start: int) -> None:
        stop = min(start + size, rows)
        with np.errstate(all="ignore"):  # hidden rows divide by whatever stands there
            block = Block(inputs, start, stop, _HISTORY)
            known.note_windows(start, stop)
            for feature, column, done in zip(wanted, values, last, strict=True):
                if feature.column is None:
                    column[start:stop] = block(feature)[_HISTORY:]
                    block.forget(done)
                known.note_values(feature, column, start, stop)

    if size < rows:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, range(0, rows, size)))
    else:  # of one block no thread is worth its start
        fill(0)
    return [_column(one.name, column, known.bits(one)) for one, column in zip(wanted, values, strict=True)]


def _asked_last(inputs: Inputs, wanted: Sequence[Feature]) -> list[list[object]]:
    """What nobody asks for after each feature, found by computing one row of them all, once a process."""
    key = (inputs.length, tuple(wanted))
    if key not in _ASKED_LAST:
        block = Block(inputs, 0, 1, _HISTORY)
        last: dict[object, int] = {}
        for number, feature in enumerate(wanted):
            before = len(block.asked)
            if feature.column is None:
                block(feature)
            last |= dict.fromkeys(block.asked[before:], number)
        _ASKED_LAST[key] = [
            [one for one, at in last.items() if at == number] for number in range(len(wanted))
        ]
    return _ASKED_LAST[key]


def _block_size(rows: int, threads: int) -> int:
    """Rows of a block, a multiple of 8: as many blocks for every thread, none of them above _BLOCK or far below it."""
    rounds = -(-rows // (_BLOCK * threads))
    return max(-(-rows // (rounds * threads * 8)) * 8, _BLOCK // 8)


def _column(name: str, values: Array, shown: NDArray[np.uint8] | None) -> pl.Series:
    """A float64 column over `values` without a copy; `shown`: a bit a row, 0 where it is null, or None: all known."""
    import pyarrow as pa  # loading a code location stays cheap

    mask = None if shown is None else pa.py_buffer(shown)
    return pl.Series(name, pa.Array.from_buffers(pa.float64(), len(values), [mask, pa.py_buffer(values)]))
