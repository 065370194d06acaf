"""The daily skeleton: the variance of every day on offer and the efficient log price at every midnight.

Days are drawn for the whole calendar at once (about 11,000, a millisecond), so no day needs the replay of
another. What does not live here: anything finer than a day.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipelines.market.symbols import check_symbol
from pipelines.market.synthetic.config import SyntheticConfig
from pipelines.market.synthetic.streams import (
    EPOCH,
    FIRST_DAY,
    LAST_DAY,
    Array,
    Purpose,
    ar1,
    decay,
    generator,
    name_hash,
)

WARM_UP_DAYS = 8
"""Days before FIRST_DAY, so that the first day on offer has its short memory too."""
START = FIRST_DAY.toordinal() - EPOCH - WARM_UP_DAYS
DAYS = LAST_DAY.toordinal() - EPOCH - START + 1
REFERENCE = 20_454
"""2026-01-01: the day whose midnight has the base price."""
LOG_VARIANCE_SD = 0.4
LOG_VARIANCE_HALF_LIFE = 15.0  # days
BASE_PRICES = {"BTC": 60_000.0, "ETH": 3_000.0}


@dataclass(frozen=True)
class Skeleton:
    """Per day since START: variance of its log return, level of activity, log price at its open."""

    variance: Array
    activity: Array
    """exp(half the log-variance), mean 1: busy days are volatile days."""
    log_open: Array


def base_price(symbol: str) -> float:
    """Price at REFERENCE, quote units: known for BTC and ETH, otherwise 0.1 to 1000 by hash of the base."""
    base = symbol.partition("-")[0]
    return BASE_PRICES.get(base, round(float(10.0 ** (4.0 * (name_hash(base) / 2**64) - 1.0)), 6))


@lru_cache(maxsize=16)
def skeleton(config: SyntheticConfig, symbol: str) -> Skeleton:
    """The skeleton of one symbol; raises UnknownName when the symbol is none.

    Return of day d: R_d = sqrt(V_d)*xi_d with V_d a log-AR(1), xi_d independent N(0, 1).
    """
    noise = generator(config.seed, check_symbol(symbol), Purpose.SKELETON).standard_normal((2, DAYS))
    x = LOG_VARIANCE_SD * ar1(noise[0], decay(LOG_VARIANCE_HALF_LIFE))
    variance = config.annual_volatility**2 / 365.0 * np.exp(x - LOG_VARIANCE_SD**2 / 2)
    path = np.concatenate(([0.0], np.cumsum(np.sqrt(variance) * noise[1])))
    log_open = path - path[REFERENCE - START] + np.log(base_price(symbol))
    return Skeleton(variance, np.exp(x / 2 - LOG_VARIANCE_SD**2 / 8), log_open)
