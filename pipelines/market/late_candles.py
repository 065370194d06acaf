"""Candles of bars that were verified empty before: whoever decided had a flat bar there. Merging is bitemporal.py."""

from datetime import datetime

import polars as pl

from pipelines.market.bars import from_candles
from pipelines.market.calendars import ALWAYS
from pipelines.market.coverage import verified_empty
from pipelines.market.coverage.statements import EMPTY
from pipelines.market.schemas import CANDLES, FIRST_SEEN, UTC_US


def flat_rows(
    arrived: pl.DataFrame,
    stored: pl.DataFrame,
    evidence: pl.DataFrame,
    timeframe: str,
    calendar: str = ALWAYS,
) -> pl.DataFrame:
    """FIRST_SEEN rows, origin verified-empty, of arrived bars that evidence made a flat bar of: the values seen first.

    stored : FIRST_SEEN before this arrival, from enough bars before it that a close to carry is known
    Merged before the arrival they make a revision of every candle that the venue hands in after all. A bar with no
    close before it was no row for anybody, and gets none here.
    """
    new = arrived.join(stored, on="open_time", how="anti").select("open_time", "market")
    empty = verified_empty(evidence, timeframe, calendar)
    if stored.is_empty() or new.join(empty, on="open_time", how="semi").is_empty():
        return pl.DataFrame(schema=FIRST_SEEN)
    bars = from_candles(stored, timeframe, empty).filter(pl.col("origin") == EMPTY)
    flat = bars.select(*CANDLES, "origin").join(new, on="open_time", how="inner")
    said = evidence.filter(pl.col("kind") == EMPTY)
    seen_at = [_said(said, moment) for moment in flat["open_time"]]
    return (
        flat.with_columns(pl.Series("seen_at", seen_at, dtype=UTC_US))
        .select(list(FIRST_SEEN))
        .sort("open_time")
    )


def _said(evidence: pl.DataFrame, moment: datetime) -> datetime | None:
    """When a bar was first said to be empty."""
    first = evidence.filter((pl.col("time") <= moment) & (pl.col("end") > moment))["seen_at"].min()
    return first if isinstance(first, datetime) else None
