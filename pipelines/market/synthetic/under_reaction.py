"""The planted edge: a price that under-reacts to news and catches up with a half-life of an hour.

With r the increments of the martingale M (`minutes`), the observable log price is p = M + g,

    g_t = phi*g_(t-1) - theta*r_t,   phi = 2**(-1/60),

so that r^p_t = (1-theta)*r_t + (1-phi)*theta*sum_k phi**k*r_(t-1-k), an ARMA(1, 1). The best causal
forecast of p_(t+60) - p_t is (phi**60 - 1)*g_t = -g_t/2. At edge 0, theta = 0 and p = M.
What does not live here: prices inside a minute (`events`).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipelines.market.synthetic.config import SyntheticConfig
from pipelines.market.synthetic.minutes import increments
from pipelines.market.synthetic.skeleton import START, skeleton
from pipelines.market.synthetic.streams import MINUTES_PER_DAY, Array, decay, leaky_sum

HORIZON = 60  # minutes
PHI = decay(60.0)
WARM_UP_DAYS = 2
"""Days of news before the day: what is left out weighs 2**-48 of g, below the float noise of a log price."""


def theta(edge: float) -> float:
    """Share of the news not priced at once, so that corr(forecast, 60-minute return) = edge.

    With unit minute variance the forecast has variance F = f*theta**2, f = (1 - phi**60)**2/(1 - phi**2), and
    the rest of the return, sum over k < 60 of (1 - theta*phi**k)*r, has 60 - 2*s1*theta + s2*theta**2.
    F*(1 - edge**2) = edge**2*rest is a quadratic in theta; its positive root is below 1 for edge <= 0.7, and
    written so that nothing cancels: the leading coefficient is 0 at edge 0.5.
    """
    powers = PHI ** np.arange(HORIZON)
    f = (1.0 - PHI**HORIZON) ** 2 / (1.0 - PHI**2)
    lead = f * (1.0 - edge**2) - edge**2 * float((powers**2).sum())
    drag = edge * float(powers.sum())
    return float(HORIZON * edge / (drag + np.sqrt(drag**2 + HORIZON * lead)))


@dataclass(frozen=True)
class MinutePath:
    """The observable log price of one day at minute boundaries."""

    log_price: Array
    """(1441,): at 00:00, 00:01, ... 24:00."""
    forecast: Array
    """(1441,): best causal forecast, at that boundary, of the log return over the next 60 minutes."""
    trend: Array
    """(1441,): leaky sum of past news in units of its own spread: what order flow and book lean with."""


@lru_cache(maxsize=16)
def minute_path(config: SyntheticConfig, symbol: str, day: int) -> MinutePath:
    """The path of a day (days since 1970). A day's 24:00 equals the next day's 00:00 within 1e-12."""
    bones = skeleton(config, symbol)
    days = range(day - WARM_UP_DAYS, day + 1)
    news = np.concatenate([increments(config, symbol, d) for d in days])
    backlog = leaky_sum(news, PHI)[-MINUTES_PER_DAY - 1 :]
    g = -theta(config.edge) * backlog
    martingale = bones.log_open[day - START] + np.concatenate(([0.0], np.cumsum(news[-MINUTES_PER_DAY:])))
    minute_variance = bones.variance[day - START] / MINUTES_PER_DAY
    trend = backlog * np.sqrt((1.0 - PHI**2) / minute_variance)
    return MinutePath(martingale + g, (PHI**HORIZON - 1.0) * g, np.clip(trend, -3.0, 3.0))
