"""Features 1–7 of meta17: returns, distance from their average, and how much the price moved in an hour.

Windows that are longer than a block's history run through whole columns. Volume and range are meta_volume.py.
"""

import numpy as np
import polars as pl

from pipelines.features.block import Array, Block, Inputs, Whole
from pipelines.features.compiled import each_row
from pipelines.features.declaration import ByTimeframe, feature
from pipelines.features.exponential import fading
from pipelines.features.rolling import change, flat, lag, relative_change, window_std, window_sum
from pipelines.features.tick_volatility import simple_return

_AVERAGE, _DEVIATION = 20, 50
_KNOWN = 304
"""Bars that mr_ema20_z remembers: 50 distances, the first of them from an average of 255 bars."""
_FURTHEST = 5.0
_HOUR = {1: 60, 5: 12, 15: 4, 30: 2}
_HOURLY = 12
"""Bars of rv_1h where a bar is an hour or longer."""
_CALM = {60: 168}
_CALM_SHORT, _CALM_LONG = 288, 60


def hour_bars(minutes: int) -> int:
    """How many returns rv_1h sums on bars of `minutes` minutes: an hour of them, and 12 from an hour on."""
    return _HOUR.get(minutes, _HOURLY)


def calm_bars(minutes: int) -> int:
    """Over how many earlier bars regime_high_vol takes its median."""
    return _CALM.get(minutes, _CALM_SHORT if minutes < 60 else _CALM_LONG)


def _minutes(inputs: Inputs) -> int:
    return round(inputs.length.total_seconds() / 60)


def _returns(inputs: Inputs) -> Array:
    return relative_change(inputs.column("close"))


def hour_volatility(inputs: Inputs) -> Array:
    """rv_1h of every bar, (N,)."""
    returns = _returns(inputs)
    rows = min(hour_bars(_minutes(inputs)), returns.size)
    volatility: Array = np.sqrt(window_sum(returns * returns, rows))
    return volatility


def _high(inputs: Inputs) -> Array:
    volatility = inputs.whole(hour_volatility)
    earlier = pl.Series(lag(volatility, 1)).rolling_median(calm_bars(_minutes(inputs)), min_samples=1)
    return (volatility > 2.0 * earlier.to_numpy()).astype(np.float64)


def _from_average(inputs: Inputs) -> Array:
    close = inputs.column("close")
    away = fading(change(close), _AVERAGE, _KNOWN - _DEVIATION + 1).behind
    rows = min(_DEVIATION, away.size)
    return _score(away, window_std(away, max(rows, 2)), flat(away, rows))


@each_row
def _score(away: float, deviation: float, flat: float) -> float:
    return 0.0 if flat == 1.0 else np.minimum(np.maximum(away / deviation, -_FURTHEST), _FURTHEST)


_whole_volatility, _whole_high, _whole_score = Whole(hour_volatility), Whole(_high), Whole(_from_average)


@feature(unit="ratio", inputs=("close",), lookback=2, bounds=(-1.0, float("inf")))
def mom_1(x: Block) -> Array:
    """r_t = C_t/C_{t−1} − 1.

    Source: FEATURES.md, meta17 1.
    """
    return x(simple_return)


@feature(unit="ratio", inputs=("close",), lookback=4, bounds=(-1.0, float("inf")))
def mom_3(x: Block) -> Array:
    """C_t/C_{t−3} − 1: three bars, not two.

    Source: FEATURES.md, meta17 2; Jegadeesh & Titman (1993) for the idea of momentum.
    """
    before = lag(x.close, 3)
    move: Array = (x.close - before) / before
    return move


@feature(unit="σ", inputs=("close",), lookback=_KNOWN, bounds=(-_FURTHEST, _FURTHEST))
def mr_ema20_z(x: Block) -> Array:
    """d_t/std_50(d), d = C − ema_20(C), clipped to ±5; 0 when d was the same for 50 bars.

    Source: FEATURES.md, meta17 3.
    """
    return x(_whole_score)


@feature(
    unit="ratio",
    inputs=("close",),
    lookback=ByTimeframe(lambda m: hour_bars(m) + 1),
    bounds=(0.0, float("inf")),
)
def rv_1h(x: Block) -> Array:
    """√Σ r² over an hour of bars (60, 12, 4, 2 at 1, 5, 15, 30 m) and over 12 bars from 1 h on.

    Source: Andersen & Bollerslev (1998), Answering the skeptics; FEATURES.md, meta17 4.
    """
    return x(_whole_volatility)


@feature(
    unit="flag",
    inputs=("close",),
    lookback=ByTimeframe(lambda m: hour_bars(m) + calm_bars(m) + 1),
    bounds=(0.0, 1.0),
    flag=True,
)
def regime_high_vol(x: Block) -> Array:
    """1 if rv_1h > 2·median of the previous 288 rv_1h (168 at 1 h, 60 at 12 h and 1 d); the current one is not in it.

    Source: FEATURES.md, meta17 5.
    """
    return x(_whole_high)


@feature(unit="ratio", inputs=("open", "high", "low", "close"), lookback=1, bounds=(0.0, float("inf")))
def gk_volatility(x: Block) -> Array:
    """√max(0, ½·ln²(H/L) − (2·ln 2 − 1)·ln²(C/O)).

    Source: Garman & Klass (1980), On the estimation of security price volatilities, the practical estimator.
    """
    wide, moved = np.log(x.high / x.low), np.log(x.close / x.open)
    variance = 0.5 * wide * wide - (2.0 * np.log(2.0) - 1.0) * moved * moved
    volatility: Array = np.sqrt(np.maximum(variance, 0.0))
    return volatility


@feature(unit="ratio", inputs=("close",), lookback=2, bounds=(0.0, float("inf")))
def jump_magnitude(x: Block) -> Array:
    """|r_t|, the size of the move.

    Source: FEATURES.md, meta17 7.
    """
    return np.abs(x(simple_return))
