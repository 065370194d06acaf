"""Seeded randomness: a generator per (seed, symbol, purpose, day), and autoregressive noise made from it.

Only `standard_normal`, `standard_gamma`, `standard_exponential`, `random` and `poisson` of numpy's PCG64 are
used; their streams are fixed for the numpy release that pyproject.toml pins.
What does not live here: any price or table.
"""

import hashlib
from datetime import date
from enum import IntEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadSpan

Array = NDArray[np.float64]
EPOCH = date(1970, 1, 1).toordinal()
FIRST_DAY, LAST_DAY = date(2010, 1, 1), date(2040, 12, 31)
MINUTES_PER_DAY = 1_440
MICROS_PER_MINUTE = 60_000_000
MICROS_PER_DAY = MINUTES_PER_DAY * MICROS_PER_MINUTE


class Purpose(IntEnum):
    """What a generator is for; the numbers are part of the seeds, so never renumber."""

    SKELETON = 1
    VOLATILITY = 2
    INCREMENTS = 3
    COUNTS = 4
    EVENTS = 5
    TAPE = 6
    BOOK = 7
    FUNDING = 8
    FAULTS = 9
    TAILS = 10


def name_hash(symbol: str) -> int:
    """64 bits of SHA-256 of the symbol: the same in every process, unlike `hash()`."""
    return int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:8], "big")


def generator(seed: int, symbol: str, purpose: Purpose, day: int = 0) -> np.random.Generator:
    """The generator of one purpose on one day (days since 1970); equal arguments give equal streams."""
    entropy = [seed, name_hash(symbol), int(purpose), day]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


def day_number(day: date) -> int:
    """Days since 1970-01-01; raises BadSpan outside the days on offer."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise BadSpan(
            f"the synthetic market has days {FIRST_DAY} to {LAST_DAY}, found {day}; ask for one of those."
        )
    return day.toordinal() - EPOCH


def day_numbers(start_day: date, end_day: date) -> range:
    """Days since 1970 in [start_day, end_day); raises BadSpan when empty or outside the days on offer."""
    if end_day <= start_day:
        raise BadSpan(f"a span must end after its start {start_day}, found the end {end_day}; correct it.")
    return range(day_number(start_day), day_number(date.fromordinal(end_day.toordinal() - 1)) + 1)


def decay(half_life: float) -> float:
    """The phi with phi**half_life = 1/2."""
    return float(2.0 ** (-1.0 / half_life))


def leaky_sum(x: Array, phi: float) -> Array:
    """y_t = phi*y_(t-1) + x_t, y before the first = 0. Polars' exponential mean is that recursion."""
    mean = pl.Series(np.concatenate(([0.0], x))).ewm_mean(alpha=1.0 - phi, adjust=False)
    return np.asarray(mean.to_numpy()[1:] / (1.0 - phi))


def ar1(noise: Array, phi: float) -> Array:
    """Stationary AR(1) of unit variance from unit white noise; the first value is the first noise itself."""
    shocks = noise * np.sqrt(1.0 - phi * phi)
    shocks[0] = noise[0]
    return leaky_sum(shocks, phi)
