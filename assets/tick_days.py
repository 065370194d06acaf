"""What is kept beside a day of ticks, and what is known of how well its trades were heard. No assets here."""

from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from assets.tables import optional
from pipelines.market.minute_bars import Hearing
from pipelines.market.schemas import EVIDENCE, UTC_US
from pipelines.market.symbols import Market
from pipelines.market.trade_ids import vouching
from resources.lake import Lake
from resources.sources import Delivery

DAY = timedelta(days=1)
MADE_HERE = "minute_bars"
"""`told_of` in tick_evidence: what follows from the ticks themselves, and is no source's word about them."""


def keep_evidence(lake: Lake, table: str, market: Market, day: date, evidence: pl.DataFrame) -> None:
    """Keep what a source said about spans without ticks; a later reading of the day replaces it, also by nothing."""
    keys: dict[str, str | date] = {"market": str(market), "told_of": table, "date": day}
    if not evidence.is_empty() or lake.exists("tick_evidence", keys):
        begin = midnight_of(day)
        within = evidence.with_columns(
            pl.col("time").clip(lower_bound=begin), pl.col("end").clip(upper_bound=begin + DAY)
        )
        lake.replace("tick_evidence", within, keys)


def keep_faults(lake: Lake, market: Market, day: date, found: Delivery) -> None:
    """Keep how many book states a source left out because they were crossed, which no stored row can tell.

    One row a day in `book_faults`: `crossed` of `states`, all that were known. None of a day whose books came whole.
    """
    keys: dict[str, str | date] = {"market": str(market), "date": day}
    if found.crossed is None and not lake.exists("book_faults", keys):
        return
    known = found.frame.select(pl.col("bid_price_1").is_not_null() & pl.col("ask_price_1").is_not_null())
    states = int(known.to_series().sum()) + (found.crossed or 0)
    row = pl.DataFrame(
        {"time": [midnight_of(day)], "crossed": [found.crossed], "states": [states]},
        schema={"time": UTC_US, "crossed": pl.Int64, "states": pl.Int64},
    )
    lake.replace("book_faults", row if found.crossed is not None else row.head(0), keys)


def hearing_of(lake: Lake, market: Market, day: date, trades: pl.DataFrame) -> Hearing:
    """What vouches for the silences of a day's trades and of the hour before it; `trades`: TRADES of both."""
    stored = set(lake.dates("trades", str(market)))
    begin = midnight_of(day)
    doubts = [
        (_micros(at), _micros(at + DAY), f"no trades of {at:%Y-%m-%d} are stored, only an order book")
        for at in (begin - DAY, begin)
        if at.date() not in stored
    ]
    said = optional(lake, "tick_evidence", {"market": str(market)}, {**EVIDENCE, "told_of": pl.String})
    unsure = said.filter(
        (pl.col("kind") == "venue-down") | ((pl.col("kind") == "unknown") & (pl.col("told_of") == "trades")),
        pl.col("told_of") != MADE_HERE,
        pl.col("time") < begin + DAY,
        pl.col("end") > begin - DAY,
    )
    doubts += unsure.select(pl.col("time", "end").to_physical(), "reason").iter_rows()
    today = trades.filter(pl.col("time") >= begin)["id"]
    return Hearing(vouching(market, today), tuple(doubts))


def midnight_of(day: date) -> datetime:
    """The first instant of a UTC day."""
    return datetime.combine(day, time(), UTC)


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
