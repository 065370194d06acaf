"""Candles: the tape aggregated, nothing else. Bars with microstructure are built elsewhere."""

from datetime import date

import numpy as np
import polars as pl

from pipelines.market.schemas import CANDLES
from pipelines.market.synthetic.config import SyntheticConfig
from pipelines.market.synthetic.faults import without_dropped
from pipelines.market.synthetic.streams import MICROS_PER_DAY, MICROS_PER_MINUTE, MINUTES_PER_DAY, day_numbers
from pipelines.market.synthetic.tape import tape
from pipelines.market.synthetic.ticks import stamps
from pipelines.market.timeframes import minutes_of

AGGREGATES = (
    pl.col("price").first().alias("open"),
    pl.col("price").max().alias("high"),
    pl.col("price").min().alias("low"),
    pl.col("price").last().alias("close"),
    pl.col("amount").sum().alias("volume"),
)


def _traded_minutes(config: SyntheticConfig, symbol: str, day: int) -> pl.DataFrame:
    """Candles of a day's 1440 minutes; prices and volume are null where nothing traded."""
    opens = stamps(np.arange(MINUTES_PER_DAY) * MICROS_PER_MINUTE + day * MICROS_PER_DAY)
    by_minute = pl.col("time").dt.truncate("1m").alias("open_time")
    traded = tape(config, symbol, day).group_by(by_minute, maintain_order=True).agg(AGGREGATES)
    return pl.DataFrame({"open_time": opens}).join(traded, on="open_time", how="left", maintain_order="left")


def _last_price(config: SyntheticConfig, symbol: str, day: int) -> float:
    """The last price traded up to the end of a day."""
    prices = tape(config, symbol, day)["price"]
    return float(prices[-1]) if len(prices) else _last_price(config, symbol, day - 1)


def _carried(minutes: pl.DataFrame, before: float | None) -> pl.DataFrame:
    """A minute without trade opens and closes at the close before it, with volume 0."""
    close = pl.col("close").forward_fill().fill_null(pl.lit(before, pl.Float64))
    flat = [pl.col(c).fill_null(close) for c in ("open", "high", "low", "close")]
    return minutes.with_columns(*flat, pl.col("volume").fill_null(0.0))


def _longer(minutes: pl.DataFrame, timeframe: str) -> pl.DataFrame:
    """Candles of a longer timeframe, where all minutes are there."""
    aggregates = [
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
        pl.len().alias("minutes"),
    ]
    whole = pl.col("minutes") == minutes_of(timeframe)
    return (
        minutes.group_by_dynamic("open_time", every=timeframe).agg(aggregates).filter(whole).drop("minutes")
    )


def candles(
    config: SyntheticConfig, symbol: str, start_day: date, end_day: date, timeframe: str = "1m"
) -> pl.DataFrame:
    """CANDLES of the UTC days [start_day, end_day): the aggregated trades, every minute on its own row.

    A minute without trade has volume 0 and the close before it; a lost minute has no candle, nor has a longer
    candle that contains one. Raises BadSpan for days not on offer, UnknownName for a bad symbol or timeframe.
    """
    length = minutes_of(timeframe)
    numbers = day_numbers(start_day, end_day)
    parts, before = [], None
    for day in numbers:
        minutes = _traded_minutes(config, symbol, day)
        if before is None and minutes["close"][0] is None:
            before = _last_price(config, symbol, day - 1)
        minutes = _carried(minutes, before)
        before = float(minutes["close"][-1])
        parts.append(without_dropped(config, symbol, day, minutes, "open_time"))
    table = pl.concat(parts)
    return (table if length == 1 else _longer(table, timeframe)).select(
        pl.col(c).cast(t) for c, t in CANDLES.items()
    )
