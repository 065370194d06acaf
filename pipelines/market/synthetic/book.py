"""The order book: ten levels a side around the price path, leaning with the trend. No instants here."""

from datetime import date

import numpy as np
import polars as pl

from pipelines.market.schemas import BOOK_LEVELS, ORDER_BOOK
from pipelines.market.synthetic.config import SyntheticConfig
from pipelines.market.synthetic.events import events
from pipelines.market.synthetic.faults import without_dropped
from pipelines.market.synthetic.streams import MICROS_PER_MINUTE, Array, Purpose, ar1, day_number, generator
from pipelines.market.synthetic.ticks import clock_columns, grid
from pipelines.market.synthetic.under_reaction import minute_path

SPREAD_SD, SPREAD_PHI = 0.3, 0.97
LEVEL_GAP = 0.5
"""Mean distance of one level to the next, in half spreads."""
TYPICAL_DEPTH = 20_000.0  # quote units on level 1; deeper levels hold more
LEVELS = np.arange(BOOK_LEVELS)
LEAN_TREND = 0.5 * 0.95**LEVELS
"""By level: atanh of the imbalance per unit of trend. The trend is known; the noise below hides it."""
LEAN_SD, LEAN_PHI, LEVEL_SD = 0.3, 0.95, 0.4


def quotes(half_spread: Array, mid: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Bid and ask prices in ticks, shape (snapshots, 10), best first; bid < ask, levels strictly ordered."""
    shape = (mid.size, BOOK_LEVELS)
    reach = half_spread[:, None] * LEVEL_GAP
    gaps = 1.0 + np.floor(rng.standard_exponential((2, *shape)) * reach)
    gaps[:, :, 0] = 0.0
    bid = np.rint(mid - half_spread)
    ask = np.maximum(np.rint(mid + half_spread), bid + 1.0)
    away = np.cumsum(gaps, axis=2)
    return bid[:, None] - away[0], ask[:, None] + away[1]


def depths(price: Array, trend: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Bid and ask amounts in base units, shape (snapshots, 10).

    log(bid/ask) = 2*lean, so a level's imbalance is tanh(lean); lean = trend + slow noise + its own noise.
    """
    shape = (price.size, BOOK_LEVELS)
    slow = LEAN_SD * ar1(rng.standard_normal(price.size), LEAN_PHI)
    lean = trend[:, None] * LEAN_TREND + slow[:, None] + LEVEL_SD * rng.standard_normal(shape)
    size = np.exp(0.5 * rng.standard_normal(shape)) * ((1.0 + 0.3 * LEVELS) * TYPICAL_DEPTH) / price[:, None]
    return _lots(size * np.exp(lean)), _lots(size * np.exp(-lean))


def _lots(amount: Array) -> Array:
    return np.maximum(np.rint(amount * 1e8), 1.0) / 1e8


def order_book(config: SyntheticConfig, symbol: str, day: date) -> pl.DataFrame:
    """ORDER_BOOK snapshots of one UTC day, sorted by time, never crossed, mid on the trades' price path.

    The trend that leans the sizes is that of the minute's open: causal, and silent on the future at edge 0.
    Raises BadSpan for a day that is not on offer, UnknownName for a bad symbol.
    """
    number = day_number(day)
    ticks = events(config, symbol, number)
    rng = generator(config.seed, symbol, Purpose.BOOK, number)
    steps = grid(config, symbol, number)
    price = np.exp(ticks.book_log)
    spread = np.exp(SPREAD_SD * ar1(rng.standard_normal(price.size), SPREAD_PHI) - SPREAD_SD**2 / 2)
    tick = float(steps.price(np.ones(1))[0])
    half_spread = price * (config.half_spread_bps * 1e-4) * spread / tick
    trend = minute_path(config, symbol, number).trend[ticks.book_at // MICROS_PER_MINUTE]
    prices = [steps.price(p) for p in quotes(half_spread, price / tick, rng)]
    sizes = depths(price, trend, rng)
    columns: dict[str, pl.Series | Array] = {**clock_columns(number, ticks.book_at, rng)}
    for level in range(BOOK_LEVELS):
        for side, name in enumerate(("bid", "ask")):
            columns[f"{name}_price_{level + 1}"] = prices[side][:, level]
            columns[f"{name}_amount_{level + 1}"] = sizes[side][:, level]
    return without_dropped(config, symbol, number, pl.DataFrame(columns, schema=ORDER_BOOK), "time")
