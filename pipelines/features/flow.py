"""Features 41–47 and 53: who traded, how much, at what cost against the book. Price noise lives next door.

All come from sums and (n, mean, M2) of the bar, so that longer bars are exact merges of minutes.
"""

import numpy as np

from pipelines.features.block import Array, Block
from pipelines.features.book import known
from pipelines.features.compiled import each_row
from pipelines.features.declaration import Minutes, feature


@feature(
    unit="bp",
    inputs=("trades", "book_seconds", "effective_spread_sum", "effective_spread_amount"),
    aggregation="amount",
    lookback=Minutes(2),
    ticks=True,
)
def effective_spread(x: Block) -> Array:
    """Size-weighted mean over trades of 2e4·s·(p − m₋)/m₋; 0 without a trade.

    m₋ is the mid standing before the trade, s is +1 when the aggressor bought and −1 when it sold. Null when
    no trade of the bar had a known mid before it.
    Source: Huang & Stoll (1996), Dealer versus auction markets, the effective spread.
    """
    mean = _mean_cost(x.effective_spread_sum, x.effective_spread_amount, x.trades)
    return known(x, mean, x.book_seconds)


@each_row
def _mean_cost(total: float, amount: float, trades: float) -> float:
    if trades == 0.0:
        return 0.0
    return np.nan if amount == 0.0 else total / amount


@feature(
    unit="1/min",
    inputs=("trades",),
    aggregation="minutes",
    encoding="log1p",
    lookback=1,
    bounds=(0.0, float("inf")),
    ticks=True,
)
def trade_intensity(x: Block) -> Array:
    """Trades per minute of the bar.

    Source: Dufour & Engle (2000), Time and the price impact of a trade; FEATURES.md 42.
    """
    return x.trades / x.minutes


@feature(
    unit="share", inputs=("bought", "sold"), aggregation="volume", lookback=1, bounds=(0.0, 1.0), ticks=True
)
def buy_volume_ratio(x: Block) -> Array:
    """Share of the volume that the aggressor bought; 0.5 when nothing traded.

    Source: FEATURES.md 43.
    """
    return _share(x.bought, x.sold)


@each_row
def _share(bought: float, sold: float) -> float:
    return 0.5 if bought + sold == 0.0 else bought / (bought + sold)


@feature(
    unit="share", inputs=("bought", "sold"), aggregation="volume", lookback=1, bounds=(0.0, 1.0), ticks=True
)
def sell_volume_ratio(x: Block) -> Array:
    """1 − buy_volume_ratio, redundant by construction.

    Source: FEATURES.md 44.
    """
    return 1.0 - x(buy_volume_ratio)


@feature(
    unit="base",
    inputs=("trades", "size_mean"),
    aggregation="moments",
    encoding="scaled",
    lookback=1,
    bounds=(0.0, float("inf")),
    ticks=True,
)
def trade_size_mean(x: Block) -> Array:
    """Mean amount of the bar's trades; 0 without one.

    Source: FEATURES.md 45.
    """
    return _or_none(x.size_mean, x.trades)


@each_row
def _or_none(size: float, trades: float) -> float:
    return 0.0 if trades == 0.0 else size


@feature(
    unit="base",
    inputs=("trades", "size_m2"),
    aggregation="moments",
    encoding="scaled",
    lookback=1,
    bounds=(0.0, float("inf")),
    ticks=True,
)
def trade_size_std(x: Block) -> Array:
    """Standard deviation (ddof 1) of the amounts of the bar's trades; 0 below two.

    Source: FEATURES.md 46; merging as in Chan, Golub & LeVeque (1979).
    """
    return std_from_moments(x.size_m2, x.trades)


@each_row
def std_from_moments(squares: float, count: float) -> float:
    """√(M2/(n − 1)); 0 below two values, NaN where n is unknown."""
    return 0.0 if count < 2.0 else np.sqrt(squares / (count - 1.0))


@feature(
    unit="share",
    inputs=("trades", "large_trades"),
    aggregation="trades",
    lookback=Minutes(61),
    bounds=(0.0, 1.0),
    ticks=True,
)
def large_trade_ratio(x: Block) -> Array:
    """Share of trades larger than μ + 2σ of all trades of the 60 minutes before; 0 without a trade.

    The threshold never includes the current minute; a longer bar counts each minute against its own.
    Source: FEATURES.md 47.
    """
    return _share_of(x.large_trades, x.trades)


@each_row
def _share_of(large: float, trades: float) -> float:
    return 0.0 if trades == 0.0 else large / trades


@feature(
    unit="bp",
    inputs=("trades", "bought", "sold", "book_seconds", "mid_start", "mid_end"),
    aggregation="ends",
    lookback=Minutes(2),
    ticks=True,
)
def arrival_price_impact(x: Block) -> Array:
    """1e4·sign(bought − sold)·(m_end − m_start)/m_start, mids standing at open and close; 0 without a trade.

    Source: Perold (1988), The implementation shortfall: the move against the mid at arrival; FEATURES.md 53.
    """
    move = _towards(x.mid_start, x.mid_end, x.bought, x.sold, x.trades)
    return known(x, move, x.book_seconds)


@each_row
def _towards(start: float, end: float, bought: float, sold: float, trades: float) -> float:
    return 0.0 if trades == 0.0 else (end - start) / start * np.sign(bought - sold) * 1e4
