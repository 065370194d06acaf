"""Settled funding: one rate an hour, recorded a few hundred milliseconds late. No prices here."""

from datetime import date
from functools import lru_cache

import numpy as np
import polars as pl

from pipelines.market.schemas import FUNDING
from pipelines.market.symbols import check_symbol
from pipelines.market.synthetic.config import SyntheticConfig
from pipelines.market.synthetic.skeleton import DAYS, START
from pipelines.market.synthetic.streams import (
    MICROS_PER_DAY,
    Array,
    Purpose,
    ar1,
    day_numbers,
    decay,
    generator,
)
from pipelines.market.synthetic.ticks import stamps

PERIOD_HOURS = 1.0
HOURS_PER_DAY = 24
MICROS_PER_HOUR = MICROS_PER_DAY // HOURS_PER_DAY
MEAN_RATE, RATE_SD = 1.25e-5, 1.5e-5  # fraction per hour; the usual 0.01 % per 8 hours
RATE_PHI = decay(24.0)  # hours
EARLIEST_MS, LATEST_MS = 50.0, 900.0


@lru_cache(maxsize=16)
def _noise(config: SyntheticConfig, symbol: str) -> tuple[Array, Array]:
    """Rate and lateness (microseconds) of every hour of the calendar."""
    rng = generator(config.seed, check_symbol(symbol), Purpose.FUNDING)
    rate = MEAN_RATE + RATE_SD * ar1(rng.standard_normal(DAYS * HOURS_PER_DAY), RATE_PHI)
    late = EARLIEST_MS + (LATEST_MS - EARLIEST_MS) * rng.random(rate.size) ** 2
    return np.round(rate, 10), late * 1e3


def funding(config: SyntheticConfig, symbol: str, start_day: date, end_day: date) -> pl.DataFrame:
    """FUNDING settled at the full hours of the UTC days [start_day, end_day), sorted by time.

    Stamps are 50 to 900 ms after the hour. The rate is independent of the price.
    Raises BadSpan for days not on offer, UnknownName for a bad symbol.
    """
    numbers = day_numbers(start_day, end_day)
    rate, late = _noise(config, symbol)
    hour = np.arange(numbers.start * HOURS_PER_DAY, numbers.stop * HOURS_PER_DAY)
    index = hour - START * HOURS_PER_DAY
    columns = {
        "time": stamps(hour * MICROS_PER_HOUR + late[index].astype(np.int64)),
        "rate": rate[index],
        "period_hours": np.full(hour.size, PERIOD_HOURS),
    }
    return pl.DataFrame(columns, schema=FUNDING)
