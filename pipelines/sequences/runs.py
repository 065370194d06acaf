"""Runs of bars without an unknown gap, told to what needs them by a column of the bars. No label lives here.

From the last bar of a session to the first of the next a market is closed and nothing is unknown: volatility runs
through the night, as features do. Windows and labels end with the session, since nobody trades in it.
"""

from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.features.day import known_runs
from pipelines.market.calendars import DAY, closing_sessions
from pipelines.market.timeframes import length_of
from pipelines.sequences.grid import micros, run_position, step_of

RUN = "run"


def following(bars: pl.DataFrame, timeframe: str, calendar: str) -> pl.DataFrame:
    """The bars, of a calendar that closes with the number of each one's run without an unknown gap."""
    if bars.is_empty():
        return bars
    sessions = closing_sessions(calendar, bars["open_time"][0] - DAY, bars["open_time"][-1] + DAY)
    return with_runs(bars, timeframe, sessions)


def with_runs(bars: pl.DataFrame, timeframe: str, sessions: pl.DataFrame | None) -> pl.DataFrame:
    """The bars of one symbol with `run`, the number of each one's run without an unknown gap.

    sessions : SESSIONS that hold every bar; None: the market never closes, and the bars are given back as they are.
    Raises BadData for a bar that no session holds.
    """
    if sessions is None:
        return bars
    length = length_of(timeframe)
    steps = np.diff(micros(bars["open_time"])) != length // timedelta(microseconds=1)
    unbroken = np.concatenate([np.zeros(min(1, bars.height), dtype=np.int64), np.cumsum(steps)])
    return bars.with_columns(pl.Series(RUN, known_runs(bars["open_time"], length, unbroken, sessions)))


def bars_before(bars: pl.DataFrame, timeframe: str) -> NDArray[np.int64]:
    """Bars before each one in its run (N,): of the column `run` where it is there, else without any gap."""
    if RUN not in bars.columns:
        return run_position(micros(bars["open_time"]), step_of(timeframe))
    starts = np.append(True, np.diff(bars[RUN].to_numpy()) != 0)[: bars.height]
    rows = np.arange(bars.height, dtype=np.int64)
    return rows - np.maximum.accumulate(np.where(starts, rows, 0))
