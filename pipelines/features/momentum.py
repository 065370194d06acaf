"""Features 26–29: the relative strength index and the moving average convergence divergence."""

import numpy as np

from pipelines.features.block import Array, Block
from pipelines.features.compiled import each_row
from pipelines.features.declaration import feature
from pipelines.features.exponential import Fading, again, fading
from pipelines.features.rolling import change, window_sum

_BARS = 276
"""Bars after which what is older no longer matters: (25/27)^275 is 6e-10 of the price (FEATURES.md 27–29)."""


def _moves(x: Block) -> Array:
    return change(x.close)


def _fast(x: Block) -> Fading:
    return fading(x(_moves), 12, _BARS)


def _slow(x: Block) -> Fading:
    return fading(x(_moves), 26, _BARS)


def _smooth(x: Block) -> Fading:
    return fading(x(_moves), 9, _BARS)


@feature(unit="0-100", inputs=("close",), lookback=15, bounds=(0.0, 100.0))
def rsi_14(x: Block) -> Array:
    """100·U/(U + D), U and D the sums of up and down moves over 14 bars; 50 when the price stood still.

    Cutler's form: a plain sum, so its memory is exactly 14 moves. Wilder's smoothed form never forgets.
    Source: Cutler's RSI, after Wilder (1978), New Concepts, ch. VI.
    """
    return _strength(window_sum(_up(x(_moves)), 14), window_sum(_down(x(_moves)), 14))


@each_row
def _up(move: float) -> float:
    up: float = np.maximum(move, 0.0)
    return up


@each_row
def _down(move: float) -> float:
    down: float = np.maximum(-move, 0.0)
    return down


@each_row
def _strength(up: float, down: float) -> float:
    return 50.0 if up + down == 0.0 else up / (up + down) * 100.0


@feature(unit="quote", inputs=("close",), encoding="relative", lookback=_BARS)
def macd(x: Block) -> Array:
    """ema_12(C) − ema_26(C), α = 2/(n + 1), unadjusted; the averages start 275 bars before.

    Source: Appel (2005), Technical Analysis, ch. 8.
    """
    return x(_slow).behind - x(_fast).behind


@feature(unit="quote", inputs=("close",), encoding="relative", lookback=_BARS)
def macd_signal(x: Block) -> Array:
    """The exponential average of macd: ema_9, from the same 276 bars.

    Source: Appel (2005), Technical Analysis, ch. 8.
    """
    return again(x(_slow), x(_fast), x(_smooth))


@feature(unit="quote", inputs=("close",), encoding="relative", lookback=_BARS)
def macd_histogram(x: Block) -> Array:
    """The line minus its signal: macd − macd_signal, redundant by construction.

    Source: Appel (2005), Technical Analysis, ch. 8.
    """
    return x(macd) - x(macd_signal)
