"""Trades against a book that has already moved."""

from datetime import timedelta

import polars as pl

from tests.pipelines.features.zoo.markets import quotes, trades
from tests.pipelines.features.zoo.planted import planted


@planted(row=0, distance=1, bars=trades, usable_after=timedelta(0), quotes=quotes)
def effective_spread_after(bars: pl.DataFrame, quotes: pl.DataFrame) -> pl.Series:
    """2e4·s·(p − m)/m with m the mid after the trade, which the trade itself has moved."""
    joined = bars.join_asof(quotes, left_on="open_time", right_on="time", strategy="forward")
    cost = pl.col("side") * (pl.col("price") - pl.col("mid")) / pl.col("mid")
    return joined.select(2e4 * cost).to_series()
