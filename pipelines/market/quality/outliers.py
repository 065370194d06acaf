"""Prices that no market can have had: far from the bars around them, and not confirmed by a second market."""

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.market.quality.finding import EXAMPLES, Finding, Inputs, nothing
from pipelines.market.quality.limits import QualityLimits
from pipelines.market.timeframes import minutes_of

Floats = NDArray[np.float64]
NEIGHBOURS = 5  # bars on each side
LONGEST = 60  # minutes: a longer bar may move so far in earnest
LEAST = 2  # neighbours without which nothing is judged
FAR_US = 86_400_000_000
"""A bar further away in time (or ten bars, where that is longer) is no neighbour."""


def outliers(inputs: Inputs, limits: QualityLimits) -> Finding:
    """Bars of which a price moved by the limit or more against the median close of up to ten neighbours.

    A second market's close of the same bar, where it is known, confirms the move when the price is nearer to it than
    the limit; then it is no outlier. A level that lasts is none either: half of its neighbours share it.
    """
    if minutes_of(inputs.timeframe) > LONGEST:
        why = f"{inputs.timeframe} bars may move so far in earnest: their outliers are those of shorter bars."
        return replace(nothing("outliers", limits.outlier_move, why), blocking=True)
    found = judged(inputs.bars, inputs.second, inputs.timeframe, limits.outlier_move)
    bad = found.filter("outlier")
    worst = bad.sort(pl.col("move").abs(), descending=True).head(EXAMPLES)
    confirmed = int((found["far"] & ~found["outlier"]).sum())
    sentence = f"{bad.height:,} of {found.height:,} bars have a price {limits.outlier_move:.0%} or more from the bars "
    sentence += "around it that no second market confirms"
    if bad.height:
        first = worst.row(0, named=True)
        where = f"at {first['open_time']:%Y-%m-%d %H:%M}, around it {first['median']:g}"
        sentence += f" (worst: {first['price']:g} {where})"
        sentence += "; correct them at their source or add a second market"
    elif confirmed:
        sentence += f"; {confirmed:,} more are confirmed by it"
    largest = abs(float(worst["move"][0])) if bad.height else 0.0
    return Finding("outliers", bad.is_empty(), largest, limits.outlier_move, f"{sentence}.", True, worst)


def judged(bars: pl.DataFrame, second: pl.DataFrame, timeframe: str, limit: float) -> pl.DataFrame:
    """Of each bar the `price` that is furthest from the `median` of its neighbours, the `move`, `far` and `outlier`.

    `move` is price / median - 1.
    """
    near = bars.select("open_time", *("high", "low", "open", "close")).with_columns(
        median=pl.Series(_medians(bars, timeframe), nan_to_null=True, dtype=pl.Float64)
    )
    other = second.select("open_time", pl.col("close").alias("second")).unique("open_time")
    prices = near.join(other, on="open_time", how="left", maintain_order="left")
    up, down = (pl.max_horizontal("high", "open", "close"), pl.min_horizontal("low", "open", "close"))
    price = pl.when(up - pl.col("median") >= pl.col("median") - down).then(up).otherwise(down)
    said = prices.with_columns(price=price).with_columns(
        move=pl.col("price") / pl.col("median") - 1.0, apart=pl.col("price") / pl.col("second") - 1.0
    )
    far = (pl.col("move").abs() >= limit).fill_null(value=False)
    denied = (pl.col("apart").abs() >= limit).fill_null(value=True)
    return said.with_columns(far=far, outlier=far & denied)


def _medians(bars: pl.DataFrame, timeframe: str) -> Floats:
    """Median close of the neighbours of each bar, itself left out; NaN where too few are near in time."""
    time, close = bars["open_time"].to_physical().to_numpy(), bars["close"].to_numpy()
    reach = max(FAR_US, 10 * minutes_of(timeframe) * 60_000_000)
    around = np.full((len(close), 2 * NEIGHBOURS), np.nan)
    for k in range(1, NEIGHBOURS + 1):
        if len(close) <= k:
            break
        near = time[k:] - time[:-k] <= reach
        around[k:, k - 1] = np.where(near, close[:-k], np.nan)
        around[:-k, NEIGHBOURS + k - 1] = np.where(near, close[k:], np.nan)
    known = np.isfinite(around).sum(axis=1)
    ordered = np.sort(around, axis=1)  # NaN last
    rows = np.arange(len(close))
    low, high = (ordered[rows, np.maximum(which, 0)] for which in ((known - 1) // 2, known // 2))
    return np.where(known >= LEAST, (low + high) / 2, np.nan)
