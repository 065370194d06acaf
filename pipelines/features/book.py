"""Features 34–40: the order book's spread, imbalance and prices. Trades against the book live in flow.py.

The minute aggregates already hold time-weighted means; here they are shown or hidden: null where the book (as
many levels as the feature needs) is known for less than half of the bar.
"""

from math import inf

import numpy as np

from pipelines.features.block import Array, Block
from pipelines.features.compiled import kernel
from pipelines.features.declaration import Minutes, feature

_EVERY_MINUTE = Minutes(2)  # a minute's book is carried across its open, at most 60 s old
_LAST_MINUTE = Minutes(2, last_only=True)


def known(x: Block, values: Array, seconds: Array, furthest: float = inf) -> Array:
    """`values`, at most `furthest` from 0, NaN where the book is known for less than half of the bar."""
    return _where_known(values, seconds, 30.0 * x.minutes, furthest)


@kernel
def _where_known(values: Array, seconds: Array, least: float, furthest: float) -> Array:
    out = np.empty_like(values)
    for i in range(out.size):
        within = np.minimum(np.maximum(values[i], -furthest), furthest)
        out[i] = within if seconds[i] >= least else np.nan
    return out


@feature(
    unit="bp",
    inputs=("book_seconds", "bid_ask_spread"),
    aggregation="seconds",
    encoding="log1p",
    lookback=_EVERY_MINUTE,
    bounds=(0.0, float("inf")),
    ticks=True,
)
def bid_ask_spread(x: Block) -> Array:
    """Time-weighted mean of 1e4·(a − b)/m over the seconds in which the book is known.

    Source: Demsetz (1968), the quoted spread; FEATURES.md 34.
    """
    return known(x, x.bid_ask_spread, x.book_seconds)


@feature(
    unit="bp",
    inputs=("spread_volatility",),
    aggregation="last",
    encoding="log1p",
    lookback=Minutes(11, last_only=True),
    bounds=(0.0, float("inf")),
    ticks=True,
    unchanged=True,
)
def spread_volatility(x: Block) -> Array:
    """Standard deviation (ddof 1) of the last 10 minutes' bid_ask_spread; a longer bar has its last minute's.

    Source: FEATURES.md 35.
    """
    return x.spread_volatility


@feature(
    unit="[-1,1]",
    inputs=("book_seconds", "order_book_imbalance"),
    aggregation="seconds",
    lookback=_EVERY_MINUTE,
    bounds=(-1.0, 1.0),
    ticks=True,
)
def order_book_imbalance(x: Block) -> Array:
    """Time-weighted mean of (v_b − v_a)/(v_b + v_a) at the best level.

    Source: Gould & Bonart (2016), Queue imbalance; FEATURES.md 36.
    """
    return known(x, x.order_book_imbalance, x.book_seconds, 1.0)


@feature(
    unit="[-1,1]",
    inputs=("book_seconds_5", "book_pressure_5"),
    aggregation="seconds",
    lookback=_EVERY_MINUTE,
    bounds=(-1.0, 1.0),
    ticks=True,
)
def book_pressure_5(x: Block) -> Array:
    """Time-weighted mean of (v_b − v_a)/(v_b + v_a), sizes summed over 5 levels.

    Source: Gould & Bonart (2016) over more levels; FEATURES.md 37.
    """
    return known(x, x.book_pressure_5, x.book_seconds_5, 1.0)


@feature(
    unit="[-1,1]",
    inputs=("book_seconds_10", "book_pressure_10"),
    aggregation="seconds",
    lookback=_EVERY_MINUTE,
    bounds=(-1.0, 1.0),
    ticks=True,
)
def book_pressure_10(x: Block) -> Array:
    """Time-weighted mean of (v_b − v_a)/(v_b + v_a), sizes summed over 10 levels.

    Source: Gould & Bonart (2016) over more levels; FEATURES.md 38.
    """
    return known(x, x.book_pressure_10, x.book_seconds_10, 1.0)


@feature(
    unit="quote",
    inputs=("book_seconds_5", "weighted_mid_price"),
    aggregation="last",
    encoding="anchored",
    lookback=_LAST_MINUTE,
    bounds=(0.0, float("inf")),
    ticks=True,
)
def weighted_mid_price(x: Block) -> Array:
    """(B₅·V_a + A₅·V_b)/(V_a + V_b) at the close: mean prices of 5 levels, each weighted by the other side.

    Source: FEATURES.md 39; the micro-price of Gatheral & Oomen (2010) over 5 levels.
    """
    return known(x, x.weighted_mid_price, x.book_seconds_5)


@feature(
    unit="quote",
    inputs=("book_seconds", "microprice"),
    aggregation="last",
    encoding="anchored",
    lookback=_LAST_MINUTE,
    bounds=(0.0, float("inf")),
    ticks=True,
)
def microprice(x: Block) -> Array:
    """(b·v_a + a·v_b)/(v_a + v_b) at the close: a long bid queue pushes the price towards the ask.

    Source: Gatheral & Oomen (2010), Zero-intelligence realized variance estimation.
    """
    return known(x, x.microprice, x.book_seconds)
