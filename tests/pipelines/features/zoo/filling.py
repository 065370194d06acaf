"""Holes that are filled from behind."""

import polars as pl

from tests.pipelines.features.zoo.planted import planted


@planted(row=0, distance=19)
def backfilled_warm_up(bars: pl.DataFrame) -> pl.Expr:
    """The first 19 rows of an average get the 20th, so that no row is lost."""
    return pl.col("close").rolling_mean(20).backward_fill()


@planted(row=220, distance=70)
def backfilled_trades(bars: pl.DataFrame) -> pl.Expr:
    """Minutes without a trade get the next trade's price."""
    return pl.col("price_mean").backward_fill()


@planted(row=220, distance=70)
def interpolated_trades(bars: pl.DataFrame) -> pl.Expr:
    """Minutes without a trade lie on a straight line to the next one: the sign of the coming move."""
    return pl.col("price_mean").interpolate()
