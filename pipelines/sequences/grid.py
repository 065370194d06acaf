"""Time as integers: microseconds since 1970, positions inside gap-free runs. No labels live here."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData
from pipelines.market.timeframes import minutes_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def step_of(timeframe: str) -> int:
    """Length of one bar in microseconds."""
    return minutes_of(timeframe) * 60_000_000


def micros(times: pl.Series) -> NDArray[np.int64]:
    """Bar opens (N,) as microseconds since 1970; raises BadData unless they strictly increase.

    Two symbols stacked in one frame do not increase, so no run can cross a symbol.
    """
    stamps = times.cast(pl.Datetime("us", "UTC")).cast(pl.Int64).to_numpy().astype(np.int64)
    if stamps.size > 1 and not bool((np.diff(stamps) > 0).all()):
        raise BadData(
            "open_time must strictly increase within one symbol, but a row repeats or precedes the one before; "
            "sort the bars and pass one symbol at a time."
        )
    return stamps


def moment(stamp: int) -> datetime:
    """The aware UTC time of a microsecond stamp."""
    return EPOCH + timedelta(microseconds=int(stamp))


def stamp_of(when: datetime) -> int:
    """The microsecond stamp of an aware UTC time."""
    return (when - EPOCH) // timedelta(microseconds=1)


def run_position(
    times: NDArray[np.int64], step: int, usable: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Position (N,) of each bar in its gap-free run, counted from 0; −1 where the bar is not usable.

    A run ends at every missing bar and at every bar that is not usable.
    """
    rows = np.arange(times.size, dtype=np.int64)
    starts = np.ones(times.size, dtype=np.bool_)
    starts[1:] = np.diff(times) != step
    if usable is None:
        return rows - np.maximum.accumulate(np.where(starts, rows, 0))
    before_first = np.where(usable, np.where(starts, rows - 1, -1), rows)
    return np.where(usable, rows - np.maximum.accumulate(before_first) - 1, -1)
