"""Outages that a venue's later silence must not turn into a quiet market (F4). Which evidence holds: statements.py."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.market.coverage.statements import DOWN, EMPTY
from pipelines.market.schemas import EVIDENCE, UTC_US
from pipelines.market.timeframes import length_of

REASON = "the venue was down when it was asked first, and has given no candle of it since"


def still_down(
    arrived: pl.DataFrame, said: pl.DataFrame, stored: pl.Series, present: pl.Series, timeframe: str
) -> pl.DataFrame:
    """EVIDENCE that just arrived, in which no bar of an earlier outage is called verified-empty.

    said : EVIDENCE of earlier runs; stored, present : open times of the candles before this run, and now
    An outage reaches from the first bar that was lacking when the venue was down to the first candle after it: a
    venue that was closed leaves out those minutes like quiet ones, and nothing must be filled into them.
    """
    down = said.filter(pl.col("kind") == DOWN)
    if down.is_empty() or not (arrived["kind"] == EMPTY).any():
        return arrived
    windows = _windows(down, _micros(stored), _micros(present), length_of(timeframe))
    rows = [piece for row in arrived.iter_rows() for piece in _cut(row, windows)]
    return pl.DataFrame(rows, schema=EVIDENCE, orient="row")


def _windows(
    down: pl.DataFrame, stored: NDArray[np.int64], present: NDArray[np.int64], length: timedelta
) -> list[tuple[int, int]]:
    """Disjoint spans (µs), ascending."""
    step = length // timedelta(microseconds=1)
    found: list[tuple[int, int]] = []
    for start, end in down.select(pl.col("time", "end").to_physical()).unique().sort("time").iter_rows():
        opens = np.arange(start, end, step, dtype=np.int64)
        lacking = opens[~np.isin(opens, stored)]
        if not len(lacking):
            continue
        first = int(lacking[0])
        after = present[np.searchsorted(present, first) :]
        until = int(after[0]) if len(after) else np.iinfo(np.int64).max
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        else:
            found.append((first, until))
    return found


def _cut(
    row: tuple[datetime, datetime, str, str, datetime], windows: list[tuple[int, int]]
) -> list[tuple[object, ...]]:
    """One row of evidence in pieces: those inside a window are venue-down."""
    start, end, kind, reason, seen_at = row
    if kind != EMPTY:
        return [row]
    pieces: list[tuple[object, ...]] = []
    at, stop = (int(pl.Series([moment], dtype=UTC_US).to_physical()[0]) for moment in (start, end))
    for first, until in windows:
        low, high = max(at, first), min(stop, until)
        if low < high:
            pieces += [(at, low, kind, reason, seen_at)] if at < low else []
            pieces.append((low, high, DOWN, REASON, seen_at))
            at = high
    return [*pieces, (at, stop, kind, reason, seen_at)] if at < stop else pieces


def _micros(times: pl.Series) -> NDArray[np.int64]:
    return np.sort(times.cast(UTC_US).to_physical().to_numpy())
