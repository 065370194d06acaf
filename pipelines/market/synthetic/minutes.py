"""Minutes of a day: variances with seasonality, clustering and fat tails; increments of the martingale M.

Given the variances v_i (sum V) and the day's return R ~ N(0, V) of the skeleton, draw Z_i ~ N(0, v_i) and set

    r_i = Z_i + (v_i/V)*(R - sum Z).

Cov(r_i, r_j) = v_i*[i=j] - v_i*v_j/V + (v_i*v_j/V**2)*V = v_i*[i=j]: the r_i are independent N(0, v_i)
although they sum to R exactly. Neither normalising the variances nor bridging tells a direction.
What does not live here: the observable price (`under_reaction`) and anything finer than a minute.
"""

from functools import lru_cache

import numpy as np

from pipelines.market.synthetic.config import SyntheticConfig
from pipelines.market.synthetic.skeleton import START, skeleton
from pipelines.market.synthetic.streams import MINUTES_PER_DAY, Array, Purpose, ar1, decay, generator

CLUSTER_SD = 0.5
CLUSTER_PHI = decay(180.0)  # minutes: yesterday's noise still weighs 2**-8 at today's end
TAIL_SHAPE = 4.0
"""Gamma shape of the mixing noise: given the smooth variance a return is Student t with 8 degrees."""


def seasonality() -> Array:
    """Log variance by minute of the UTC day: bumps at the European and US openings, a calm Asian morning."""
    hour = np.arange(MINUTES_PER_DAY) / 60.0
    bump = [(0.9, 14.5, 2.5), (0.4, 8.0, 2.0), (-0.3, 4.0, 3.0)]
    bumps = [a * np.exp(-(((hour - centre) / width) ** 2)) for a, centre, width in bump]
    return np.asarray(np.sum(bumps, axis=0))


SEASONALITY = seasonality()


def _cluster_noise(config: SyntheticConfig, symbol: str, day: int) -> Array:
    return generator(config.seed, symbol, Purpose.VOLATILITY, day).standard_normal(MINUTES_PER_DAY)


@lru_cache(maxsize=64)
def variances(config: SyntheticConfig, symbol: str, day: int) -> Array:
    """Variance of M in each minute of a day (days since 1970): (1440,), summing to the day's variance."""
    noise = np.concatenate([_cluster_noise(config, symbol, d) for d in (day - 1, day)])
    cluster = CLUSTER_SD * ar1(noise, CLUSTER_PHI)[MINUTES_PER_DAY:]
    tail = generator(config.seed, symbol, Purpose.TAILS, day).standard_gamma(TAIL_SHAPE, MINUTES_PER_DAY)
    relative = np.exp(SEASONALITY + cluster) / tail
    v = relative * (skeleton(config, symbol).variance[day - START] / relative.sum())
    v.flags.writeable = False
    return np.asarray(v)


@lru_cache(maxsize=64)
def increments(config: SyntheticConfig, symbol: str, day: int) -> Array:
    """Log increments of the martingale M in each minute, shape (1440,), summing to the day's return."""
    bones = skeleton(config, symbol)
    v = variances(config, symbol, day)
    z = generator(config.seed, symbol, Purpose.INCREMENTS, day).standard_normal(MINUTES_PER_DAY) * np.sqrt(v)
    total = bones.log_open[day - START + 1] - bones.log_open[day - START]
    r = z + v / v.sum() * (total - z.sum())
    r.flags.writeable = False
    return np.asarray(r)
