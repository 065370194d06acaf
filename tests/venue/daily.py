"""Daily candles out of shorter ones: a venue that serves minutes serves days too, and they prove when it listed."""

from dataclasses import replace

import polars as pl

from tests.venue.data import VenueData

DAY = "1d"


def with_daily(data: VenueData) -> VenueData:
    """The same with daily candles, UTC, of every market that has shorter ones and no daily ones."""
    shortest: dict[tuple[str, str], tuple[str, pl.DataFrame]] = {}
    for (venue, symbol, timeframe), frame in data.candles.items():
        known = shortest.get((venue, symbol))
        if known is None or frame.height > known[1].height:
            shortest[venue, symbol] = (timeframe, frame)
    days = {
        (venue, symbol, DAY): daily(frame)
        for (venue, symbol), (_, frame) in shortest.items()
        if (venue, symbol, DAY) not in data.candles
    }
    return replace(data, candles={**data.candles, **days})


def daily(candles: pl.DataFrame) -> pl.DataFrame:
    """One candle a UTC day in which there is any."""
    return (
        candles.sort("open_time")
        .group_by(pl.col("open_time").dt.truncate("1d"), maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum().round(6),  # a sum of floats is no decimal that a venue would write
        )
    )
