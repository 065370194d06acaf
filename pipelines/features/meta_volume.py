"""Features 8–12 of meta17: how much was traded, how straight the price moved, and what depth that suggests."""

import numpy as np

from pipelines.features.block import Array, Block, Inputs, Whole
from pipelines.features.compiled import kernel
from pipelines.features.declaration import feature
from pipelines.features.rolling import flat, lag, ratio, window_mean, window_sum
from pipelines.features.spread import spread_pct, true_range
from pipelines.features.tick_volatility import simple_return

_CORRELATED = 36
_NEAR = 12
_TILE = 512  # rows that the first cache holds
_DEPTH = 288


def _log_turnover(inputs: Inputs) -> Array:
    """ln(1 + V·C/sma_288(V·C)); 0 where the mean is 0."""
    turnover = inputs.column("volume") * inputs.column("close")
    rows = min(_DEPTH, turnover.size)
    mean = window_mean(turnover, rows)
    depth: Array = np.log1p(ratio(turnover, mean, when_zero=0.0))
    return depth


_whole_turnover = Whole(_log_turnover)


@feature(unit="ratio", inputs=("volume",), lookback=50, bounds=(-1.0, 49.0))
def volume_intensity(x: Block) -> Array:
    """V/sma_50(V) − 1; 0 when the mean is 0. At most 49: the bar is part of the mean.

    Source: FEATURES.md, meta17 8.
    """
    values = ratio(x.volume, window_mean(x.volume, 50), when_zero=1.0)
    values -= 1.0
    return np.clip(values, -1.0, 49.0, out=values)


@feature(unit="ratio", inputs=("high", "low", "close"), lookback=2, bounds=(0.0, 1.0))
def price_efficiency(x: Block) -> Array:
    """|C − C₋₁|/true range; 0 when the range is 0.

    Source: Kaufman (1995), Smarter Trading, the efficiency ratio, of one bar; FEATURES.md, meta17 9.
    """
    return ratio(np.abs(x.close - lag(x.close, 1)), x(true_range), when_zero=0.0)


@feature(unit="[-1,1]", inputs=("close", "volume"), lookback=_CORRELATED + 1, bounds=(-1.0, 1.0))
def price_volume_corr(x: Block) -> Array:
    """Correlation of r and V over 36 bars; 0 when either was the same throughout.

    Summed around the window's own means, value by value: no running total leaves dust behind.
    Source: Karpoff (1987), The relation between price changes and trading volume; FEATURES.md, meta17 10.
    """
    returns, amounts = x(simple_return), x.volume
    middle, usual = window_mean(returns, _CORRELATED), window_mean(amounts, _CORRELATED)
    still = np.maximum(flat(returns, _CORRELATED), flat(amounts, _CORRELATED))
    return _correlation(returns, amounts, middle, usual, still, _CORRELATED)


@kernel
def _correlation(
    left: Array, right: Array, left_mean: Array, right_mean: Array, still: Array, rows: int
) -> Array:
    """Correlation of the last `rows` rows; 0 where one of them is `still`, nothing before row `rows` − 1."""
    out = np.zeros_like(left)
    both, lefts, rights = np.empty(_TILE), np.empty(_TILE), np.empty(_TILE)
    for start in range(rows - 1, left.size, _TILE):
        n = min(_TILE, left.size - start)
        both[:n], lefts[:n], rights[:n] = 0.0, 0.0, 0.0
        middle, usual = left_mean[start : start + n], right_mean[start : start + n]
        for back in range(rows):
            ones, others = left[start - back : start - back + n], right[start - back : start - back + n]
            for i in range(n):
                one, other = ones[i] - middle[i], others[i] - usual[i]
                both[i] += one * other
                lefts[i] += one * one
                rights[i] += other * other
        for i in range(n):
            value = both[i] / (np.sqrt(lefts[i]) * np.sqrt(rights[i]))
            out[start + i] = 0.0 if still[start + i] == 1.0 else np.minimum(np.maximum(value, -1.0), 1.0)
    return out


@feature(unit="ratio", inputs=("high", "low", "close", "volume"), lookback=_NEAR, bounds=(-1.0, float("inf")))
def vwap_momentum(x: Block) -> Array:
    """C/w − 1, w = Σ (H + L + C)/3·V ÷ ΣV over 12 bars; 0 when nothing traded.

    Source: Berkowitz, Logue & Noser (1988), on typical prices; FEATURES.md, meta17 11.
    """
    typical = (x.high + x.low + x.close) / 3.0
    traded = window_sum(x.volume, _NEAR)
    mean = ratio(window_sum(typical * x.volume, _NEAR), traded, when_zero=1.0)
    values = x.close / mean - 1.0
    values[traded == 0.0] = 0.0
    return values


@feature(unit="log", inputs=("high", "low", "close", "volume"), lookback=_DEPTH)
def depth_proxy(x: Block) -> Array:
    """ln(1 + V·C/sma_288(V·C)) − ln(1 + 1e4·(H − L)/C); the first term is 0 when the mean is 0.

    Much traded in a narrow range suggests a deep book. Source: Amihud (2002), Illiquidity and stock returns, turned
    over; FEATURES.md, meta17 12.
    """
    return x(_whole_turnover) - np.log1p(100.0 * x(spread_pct))
