"""The price grid of a day, and clocks: prices to ticks, microseconds to timestamps. No events here."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.market.schemas import UTC_US
from pipelines.market.synthetic.config import SyntheticConfig
from pipelines.market.synthetic.streams import MICROS_PER_DAY, Array
from pipelines.market.synthetic.under_reaction import minute_path

DELAY_MEDIAN, DELAY_SD = 90_000.0, 0.45
"""Recorder's delay: lognormal, mean 100 ms; 3 s is 7.8 standard deviations away."""


@dataclass(frozen=True)
class Grid:
    """Prices are whole numbers of 10**-decimals quote units (decimals may be negative)."""

    decimals: int

    def ticks(self, price: Array) -> Array:
        """Nearest whole number of ticks, still as float64."""
        return np.rint(price * 10.0**self.decimals if self.decimals >= 0 else price / 10.0**-self.decimals)

    def price(self, ticks: Array) -> Array:
        """Quote units; a single rounding, so the float prints as the short decimal."""
        return ticks / 10.0**self.decimals if self.decimals >= 0 else ticks * 10.0**-self.decimals


def grid(config: SyntheticConfig, symbol: str, day: int) -> Grid:
    """The grid of a day: `price_digits` significant digits at its opening price."""
    opening = minute_path(config, symbol, day).log_price[0] / np.log(10.0)
    return Grid(config.price_digits - 1 - int(np.floor(opening)))


def clock_columns(day: int, at: NDArray[np.int64], rng: np.random.Generator) -> dict[str, pl.Series]:
    """`time` and `local_time` of events at microseconds `at` of a day (days since 1970)."""
    delay = DELAY_MEDIAN * np.exp(DELAY_SD * rng.standard_normal(at.size))
    time = at + day * MICROS_PER_DAY
    return {"time": stamps(time), "local_time": stamps(time + delay.astype(np.int64) + 1)}


def stamps(micros: NDArray[np.int64]) -> pl.Series:
    """Microseconds since 1970 as aware UTC timestamps."""
    return pl.Series(micros).cast(UTC_US)
