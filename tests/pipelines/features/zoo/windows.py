"""Windows that lie the wrong way round."""

import numpy as np
import polars as pl

from tests.pipelines.features.zoo.planted import planted


@planted(row=0, distance=1)
def next_return(bars: pl.DataFrame) -> pl.Expr:
    """shift(-1): the label, left in the table of features."""
    return pl.col("close").shift(-1) / pl.col("close") - 1.0


@planted(row=10, distance=10)
def centred_mean(bars: pl.DataFrame) -> pl.Expr:
    """A rolling mean with center=True is smooth because it knows where the price goes."""
    return pl.col("close").rolling_mean(21, center=True)


@planted(row=0, distance=30)
def highest_to_come(bars: pl.DataFrame) -> pl.Expr:
    """A resistance level that is the maximum of the next 30 bars: the barrier of a label, used as a feature."""
    return pl.col("high").reverse().rolling_max(31).reverse() / pl.col("close")


@planted(row=0, distance=14)
def newest_first(bars: pl.DataFrame) -> pl.Series:
    """Some venues answer newest first; a rolling median over that order looks ahead."""
    turned = bars.sort("open_time", descending=True)
    turned = turned.with_columns(pl.col("close").rolling_median(15).alias("median"))
    return turned.sort("open_time").get_column("median")


@planted(row=0, distance=599)
def without_noise(bars: pl.DataFrame) -> pl.Series:
    """Denoising by cutting off high frequencies of the whole series: every row holds a little of every other."""
    waves = np.fft.rfft(bars.get_column("close").to_numpy())
    waves[waves.size // 8 :] = 0.0
    return pl.Series(np.fft.irfft(waves, bars.height))
