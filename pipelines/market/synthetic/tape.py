"""The tape: trades with sides and sizes on the day's price path.

A trade's price is the efficient price itself (Glosten & Milgrom 1985: a quote is the expectation given the
trade), so transaction prices carry no bid-ask bounce. The side leans towards the price step that the trade
brings, by just so much that a buy stands half a spread above the mid before it, on average.
What does not live here: instants and path (`events`).
"""

from datetime import date
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.market.schemas import TRADES
from pipelines.market.synthetic.config import SyntheticConfig
from pipelines.market.synthetic.events import Events, events
from pipelines.market.synthetic.faults import without_dropped
from pipelines.market.synthetic.streams import MICROS_PER_MINUTE, Array, Purpose, ar1, day_number, generator
from pipelines.market.synthetic.ticks import clock_columns, grid
from pipelines.market.synthetic.under_reaction import minute_path

FLOW_PHI = 0.9
"""Correlation of the buying pressure behind one trade and the next."""
FLOW_TREND = 0.3
"""Weight of the trend in the buying pressure: order flow chases past news, and so tells the edge."""
MAX_LEAN = 0.8
TYPICAL_NOTIONAL = 1_000.0  # quote units, about the median
SIZE_SD, SIZE_TAIL = 1.1, 3.0
"""Lognormal spread, and the exponent of the power tail that a division by Gamma(3) adds."""
LOTS_PER_UNIT = 1e8
IDS_PER_DAY = 100_000_000


def sides(config: SyntheticConfig, ticks: Events, trend: Array, rng: np.random.Generator) -> NDArray[np.int8]:
    """Aggressors, +1 or -1, from the step each trade brings, a clustering pressure and the trend before it.

    For unit normals x (step) and w: E[sign(l*x + sqrt(1 - l**2)*w)*x] = l*sqrt(2/pi), which gives the lean l.
    """
    half_spread = config.half_spread_bps * 1e-4
    lean = np.minimum(MAX_LEAN, half_spread * np.sqrt(np.pi / 2) / ticks.step_sd)
    pressure = np.sqrt(1.0 - FLOW_TREND**2) * ar1(rng.standard_normal(trend.size), FLOW_PHI)
    pressure += FLOW_TREND * trend
    score = lean * ticks.step / ticks.step_sd + np.sqrt(1.0 - lean * lean) * pressure
    return np.where(score > 0.0, 1, -1).astype(np.int8)


def amounts(price: Array, rng: np.random.Generator) -> Array:
    """Base units, whole lots of 1e-8, at least one lot; independent of everything but the price level."""
    notional = TYPICAL_NOTIONAL * np.exp(SIZE_SD * rng.standard_normal(price.size))
    notional *= SIZE_TAIL / rng.standard_gamma(SIZE_TAIL, price.size)
    return np.maximum(np.rint(notional / price * LOTS_PER_UNIT), 1.0) / LOTS_PER_UNIT


@lru_cache(maxsize=2)
def tape(config: SyntheticConfig, symbol: str, day: int) -> pl.DataFrame:
    """Every trade of a day (days since 1970), lost minutes included."""
    ticks = events(config, symbol, day)
    rng = generator(config.seed, symbol, Purpose.TAPE, day)
    steps = grid(config, symbol, day)
    price = steps.price(steps.ticks(np.exp(ticks.trade_log)))
    trend = minute_path(config, symbol, day).trend[ticks.trade_at // MICROS_PER_MINUTE]
    columns = {
        **clock_columns(day, ticks.trade_at, rng),
        "id": np.arange(price.size) + day * IDS_PER_DAY,
        "side": sides(config, ticks, trend, rng),
        "price": price,
        "amount": amounts(price, rng),
    }
    return pl.DataFrame(columns, schema=TRADES)


def trades(config: SyntheticConfig, symbol: str, day: date) -> pl.DataFrame:
    """TRADES of one UTC day, sorted by (time, id), ids dense within the day and rising over days.

    Raises BadSpan for a day that is not on offer, UnknownName for a bad symbol.
    """
    number = day_number(day)
    return without_dropped(config, symbol, number, tape(config, symbol, number), "time").clone()
