"""Bars of a second market for the holes of a candle table, as rows that are kept. When a market may speak: repair.py.

What was filled is kept like any first-seen value, with the market it is of: a candle that the venue hands in later is
a revision of it, so a history that somebody decided on never changes. Nothing is read or written here.
"""

from datetime import datetime, timedelta

import polars as pl

from pipelines.market.bars import from_candles
from pipelines.market.calendars import ALWAYS
from pipelines.market.coverage import coverage, expected_opens, span_of, verified_empty
from pipelines.market.coverage.statements import UNKNOWN
from pipelines.market.repair import Repair, fill_from_second
from pipelines.market.schemas import EVIDENCE, FIRST_SEEN, UTC_US

ORIGIN = "second-venue"


def fills(
    candles: pl.DataFrame,
    evidence: pl.DataFrame,
    second: pl.DataFrame,
    timeframe: str,
    calendar: str = ALWAYS,
) -> Repair:
    """FIRST_SEEN rows for unknown bars between the first candle and the last, and EVIDENCE of why others stay unknown.

    candles : FIRST_SEEN of the symbol's own market, and what was filled before
    second : FIRST_SEEN of one other market
    Unknown bars only: in an outage nobody could trade here, whatever went on elsewhere. `seen_at` is the newest
    moment of all that was looked at: before it nobody could have filled the hole; null where everything is of files.
    """
    own = candles.filter(pl.col("origin") != ORIGIN)
    span = span_of(own, timeframe)
    if second.is_empty() or span is None:
        return Repair(pl.DataFrame(schema=FIRST_SEEN), pl.DataFrame(schema=EVIDENCE))
    bars = from_candles(candles, timeframe, verified_empty(evidence, timeframe, calendar))
    ledger = coverage(span, bars, evidence, timeframe, expected_opens(span, timeframe, calendar))
    holes = ledger.filter(pl.col("kind") == UNKNOWN)
    found = fill_from_second(own, second, holes.select("time", "end").rows(), timeframe)
    if found.rows.is_empty() and found.left.is_empty():
        return found
    moment = _newest(candles, evidence, second)
    rows = found.rows.with_columns(pl.lit(moment, UTC_US).alias("seen_at"))
    return Repair(rows, _behind(evidence, found.left, holes.select("time", said="reason")))


def only_of(candles: pl.DataFrame, second: str | None) -> pl.DataFrame:
    """FIRST_SEEN without what another second market than the declared one filled: the settings no longer trust it."""
    return candles.filter(
        (pl.col("origin") != ORIGIN) | pl.col("market").eq_missing(pl.lit(second, pl.String))
    )


def _newest(*told: pl.DataFrame) -> datetime | None:
    moments = [frame["seen_at"].max() for frame in told if not frame.is_empty()]
    return max((moment for moment in moments if isinstance(moment, datetime)), default=None)


def _behind(evidence: pl.DataFrame, left: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """The refusals behind what was said before of the same bars, and weighed after it."""
    last = _newest(evidence)
    after = last + timedelta(microseconds=1) if last is not None else None
    both = pl.col("said") + "; " + pl.col("reason")
    return (
        left.join(said, on="time")
        .with_columns(
            reason=pl.when(pl.col("said").str.ends_with(pl.col("reason"))).then("said").otherwise(both),
            seen_at=pl.lit(after, UTC_US),
        )
        .select(list(EVIDENCE))
    )
