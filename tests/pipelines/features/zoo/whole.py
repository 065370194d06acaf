"""Figures of the whole series, used on its first row."""

import polars as pl

from tests.pipelines.features.zoo.planted import planted

CLOSE, VOLUME = pl.col("close"), pl.col("volume")


@planted(row=0, distance=599)
def z_score(bars: pl.DataFrame) -> pl.Expr:
    """Mean and deviation of everything, years to come included."""
    return (CLOSE - CLOSE.mean()) / CLOSE.std()


@planted(row=0, distance=599)
def scaled_by_everything(bars: pl.DataFrame) -> pl.Expr:
    """A min-max scaler fitted before the split: 1.0 is the top of a market that nobody has seen yet."""
    return (CLOSE - CLOSE.min()) / (CLOSE.max() - CLOSE.min())


@planted(row=0, distance=599)
def against_its_quantile(bars: pl.DataFrame) -> pl.Expr:
    """Volume in units of the 95 % quantile of all volumes."""
    return VOLUME / VOLUME.quantile(0.95, "nearest")


@planted(row=0, distance=60)
def return_of_the_hour(bars: pl.DataFrame) -> pl.Series:
    """Target encoding: the mean next return of bars of the same hour of day, the bar's own among them."""
    returns = bars.select("open_time", label=CLOSE.shift(-1) / CLOSE - 1.0)
    return returns.select(pl.col("label").mean().over(pl.col("open_time").dt.hour())).to_series()
