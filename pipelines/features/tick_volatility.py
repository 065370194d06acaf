"""Features 48–52: how much the price moved inside and around the bar. Range and bands live elsewhere."""

import numpy as np

from pipelines.features.block import Array, Block
from pipelines.features.compiled import each_row, kernel
from pipelines.features.declaration import Minutes, feature
from pipelines.features.flow import std_from_moments
from pipelines.features.rolling import relative_change, window_sum


def simple_return(x: Block) -> Array:
    """r_t = C_t/C₋₁ − 1."""
    return relative_change(x.close)


@feature(
    unit="bp",
    inputs=("close", "trades", "price_m2"),
    aggregation="moments",
    encoding="log1p",
    lookback=1,
    bounds=(0.0, float("inf")),
    ticks=True,
)
def tick_volatility(x: Block) -> Array:
    """1e4·std of the bar's trade prices (ddof 1) ÷ C; 0 below two trades.

    Source: FEATURES.md 48; merging as in Chan, Golub & LeVeque (1979).
    """
    return _in_points(std_from_moments(x.price_m2, x.trades), x.close)


@each_row
def _in_points(move: float, price: float) -> float:
    return move / price * 1e4


@feature(
    unit="bp",
    inputs=("tick_volatility_5m",),
    aggregation="last",
    encoding="log1p",
    lookback=Minutes(5, last_only=True),
    bounds=(0.0, float("inf")),
    ticks=True,
    unchanged=True,
)
def tick_volatility_5m(x: Block) -> Array:
    """tick_volatility over the trades of the last 5 minutes; a longer bar has its last minute's.

    Source: FEATURES.md 49.
    """
    return x.tick_volatility_5m


@feature(
    unit="bp²",
    inputs=("realized_variance",),
    aggregation="sum",
    encoding="log1p",
    lookback=Minutes(2),
    bounds=(0.0, float("inf")),
    ticks=True,
    unchanged=True,
)
def realized_volatility(x: Block) -> Array:
    """1e8·Σ (log return between consecutive trades)²; a variance, so minutes add up to a longer bar.

    The first return runs from the last trade before the bar if it is at most 60 s old.
    Source: Andersen, Bollerslev, Diebold & Labys (2003), Modeling and forecasting realized volatility.
    """
    return x.realized_variance


@feature(unit="flag", inputs=("close",), lookback=62, bounds=(0.0, 1.0), flag=True)
def jump_indicator(x: Block) -> Array:
    """1 if |r_t| > 3·std of the 60 returns before r_t, of the timeframe itself (ddof 1).

    The threshold never includes the current bar. Source: FEATURES.md 51.
    """
    returns = x(simple_return)
    return _beyond_three(returns, window_sum(returns, 60), window_sum(returns * returns, 60))


@kernel
def _beyond_three(returns: Array, total: Array, squares: Array) -> Array:
    """1 where r² > 9·variance of the 60 returns before, from their sum and their sum of squares."""
    out = np.zeros_like(returns)
    into, later = out[1:], returns[1:]
    for i in range(into.size):
        # returns are centred on nothing much, so Σr² − (Σr)²/n loses no digits that matter here
        variance = np.maximum(squares[i] - total[i] * total[i] / 60.0, 0.0) / 59.0
        into[i] = later[i] * later[i] > 9.0 * variance
    return out


@feature(
    unit="bp",
    inputs=("vwap_distance",),
    aggregation="last",
    lookback=Minutes(60, last_only=True),
    ticks=True,
    unchanged=True,
)
def vwap_distance(x: Block) -> Array:
    """1e4·(C − vwap)/vwap, vwap = Σ pq/Σ q of the last 60 minutes' trades; 0 when there are none.

    A longer bar has its last minute's. Source: Berkowitz, Logue & Noser (1988); FEATURES.md 52.
    """
    return x.vwap_distance
