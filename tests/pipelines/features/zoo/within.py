"""Figures of the hour, the quarter or the day that a bar lies in, before that is over."""

import polars as pl

from tests.pipelines.features.zoo.markets import quarters
from tests.pipelines.features.zoo.planted import planted

TIME, VOLUME = pl.col("open_time"), pl.col("volume")


@planted(row=0, distance=59)
def hour_labelled_left(bars: pl.DataFrame) -> pl.Series:
    """Minutes resampled to hours that are labelled by their start and joined back by it: up to 59 minutes ahead."""
    hour = TIME.dt.truncate("1h").alias("hour")
    closes = bars.group_by(hour).agg(pl.col("close").last().alias("hour_close"))
    return (
        bars.select(hour).join(closes, on="hour", how="left", maintain_order="left").get_column("hour_close")
    )


@planted(row=0, distance=14)
def large_against_its_own_quarter(bars: pl.DataFrame) -> pl.Expr:
    """The threshold μ + 2σ of the 15-minute bar that the minute is part of: its minutes to come are in it."""
    quarter = TIME.dt.truncate("15m")
    return VOLUME / (VOLUME.mean().over(quarter) + 2.0 * VOLUME.std().over(quarter))


@planted(row=0, distance=95, bars=quarters)
def vwap_of_the_day(bars: pl.DataFrame) -> pl.Expr:
    """The day's volume-weighted price, from its first bar on."""
    day = TIME.dt.truncate("1d")
    return (pl.col("close") * VOLUME).sum().over(day) / VOLUME.sum().over(day)
