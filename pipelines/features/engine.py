"""The engine: runs the formulas over a table of bars and hides what a gap or a warm-up makes unknown.

Rows are computed in blocks that fit the processor's cache, each with enough rows before it for the longest
window; values do not depend on where blocks begin. What does not live here: the formulas (one file per
group).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.errors import BadData
from pipelines.features.block import Array, Block, Inputs
from pipelines.features.day import known_runs, place
from pipelines.features.declaration import ByClock, Feature, Lookback, Minutes
from pipelines.features.sets import feature_set, features_named, require_existing
from pipelines.market.schemas import CANDLES, UTC_US
from pipelines.market.timeframes import length_of

_BLOCK = 32_768  # rows: fewer and Python's share grows, more and the ~150 columns of a block leave the cache
_HISTORY = (
    280  # rows before a block: the longest window is 276 bars (macd); longer ones run through whole columns
)


def compute(
    bars: pl.DataFrame,
    timeframe: str,
    names: Sequence[str] | None = None,
    *,
    funding: pl.DataFrame | None = None,
    flow: pl.DataFrame | None = None,
    breadth: pl.DataFrame | None = None,
    sessions: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Features of bars: [open_time, one float64 column per name], the same rows as the bars, raw units.

    bars : BARS rows of one symbol, sorted by open_time, no bar twice; a missing row is an unknown gap.
    names : features to compute, in this order; all of v5 when None.
    funding, flow, breadth : FUNDING, FLOW of the cohorts and what breadth() makes, each needed by its group only.
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
    steps = _steps(bars)
    if bars.is_empty():
        return bars.select("open_time", *(pl.lit(None, pl.Float64).alias(one.name) for one in wanted))
    unbroken = np.cumsum(np.append(False, steps != length // timedelta(microseconds=1)))
    tables = {"funding": funding, "flow": flow, "breadth": breadth, "sessions": sessions}
    inputs = Inputs(bars, length, known_runs(bars["open_time"], length, unbroken, sessions), unbroken, tables)
    known = _Known(inputs, wanted)
    with ThreadPoolExecutor(pl.thread_pool_size()) as threads:
        values = _values(inputs, wanted, threads)
        columns = threads.map(lambda one, column: _column(one, column, known), wanted, values)
        return pl.DataFrame([bars.get_column("open_time"), *columns])


def _steps(bars: pl.DataFrame) -> NDArray[np.int64]:
    """Microseconds from each bar to the next, (N − 1,); raises BadData for bars that are no clean series."""
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
    steps = np.diff(bars.get_column("open_time").to_physical().to_numpy())
    if (steps <= 0).any():
        row = int(np.argmax(steps <= 0)) + 1
        at = bars.get_column("open_time")[row]
        raise BadData(
            f"bars must be sorted by open_time without repeats, row {row} ({at}) is not; sort them."
        )
    return steps


def _values(inputs: Inputs, wanted: Sequence[Feature], threads: ThreadPoolExecutor) -> list[Array]:
    """One (N,) array per feature, hidden rows included; a feature that is a column of the bars shares it."""
    rows = inputs.bars.height
    made = [feature for feature in wanted if feature.column is None]
    matrix = np.empty((len(made), rows))

    def fill(start: int) -> None:
        stop = min(start + _BLOCK, rows)
        with np.errstate(all="ignore"):  # hidden rows divide by whatever stands there
            block = Block(inputs, start, stop, _HISTORY)
            for row, feature in zip(matrix, made, strict=True):
                row[start:stop] = block(feature)[_HISTORY:]

    list(threads.map(fill, range(0, rows, _BLOCK)))
    rest = iter(matrix)
    return [inputs.column(one.column) if one.column is not None else next(rest) for one in wanted]


class _Known:
    """Which rows lie far enough from the last gap for a lookback, computed once per lookback."""

    def __init__(self, inputs: Inputs, wanted: Sequence[Feature]) -> None:
        self._inputs = inputs
        self._masks: dict[tuple[bool, Lookback], NDArray[np.bool_]] = {}
        self._ages: dict[tuple[bool, bool], NDArray[np.int32]] = {}
        for feature in wanted:  # before threads ask
            self.mask(feature)

    def mask(self, feature: Feature) -> NDArray[np.bool_]:
        """True where the feature's window holds no gap, (N,)."""
        key = (feature.ticks, feature.lookback)
        if key not in self._masks:
            by_clock = isinstance(feature.lookback, Minutes | ByClock)
            self._masks[key] = self._age(feature.ticks, by_clock=by_clock) >= self._needed(feature) - 1
        return self._masks[key]

    def _needed(self, feature: Feature) -> Any:
        """Bars that the value needs, its own included: a number, or one for each row."""
        minutes = self._inputs.length // timedelta(minutes=1)
        if isinstance(feature.lookback, ByClock):
            return feature.lookback.needed(place(self._inputs, feature.lookback.since), minutes)
        return feature.bars(minutes)

    def _age(self, ticks: bool, *, by_clock: bool) -> NDArray[np.int32]:
        """Bars since the last gap, (N,); −1 on a bar without ticks when these are needed.

        by_clock : the hours in which the market is closed are a gap too
        """
        if (ticks, by_clock) not in self._ages:
            run = self._inputs.unbroken if by_clock else self._inputs.run
            row = np.arange(self._inputs.bars.height, dtype=np.int32)
            first = np.zeros_like(row)
            starts = np.flatnonzero(np.diff(run)) + 1
            first[starts] = starts
            if ticks:
                without = np.flatnonzero(np.isnan(self._inputs.column("trades")))
                first[without] = without + 1
            self._ages[ticks, by_clock] = row - np.maximum.accumulate(first)
        return self._ages[ticks, by_clock]


def _column(feature: Feature, values: Array, known: _Known) -> pl.Series:
    """A float64 column over `values` without a copy, null where the value is not known."""
    mask = known.mask(feature)
    if feature.ticks or feature.source != "bars":
        missing = np.isnan(values)
        if missing.any():
            mask = mask & ~missing
    shown = None if mask.all() else pa.py_buffer(np.packbits(mask, bitorder="little"))
    array = pa.Array.from_buffers(pa.float64(), len(values), [shown, pa.py_buffer(values)])
    return pl.Series(feature.name, array)
