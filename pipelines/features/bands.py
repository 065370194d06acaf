"""Features 30–33: Bollinger bands of 20 bars and two standard deviations."""

from math import inf, sqrt

import numpy as np

from pipelines.features.block import Array, Block
from pipelines.features.compiled import each_row
from pipelines.features.declaration import feature
from pipelines.features.rolling import window_mean, window_std

_ROWS = 20
_REACH = (_ROWS - 1) / sqrt(_ROWS) / 4
"""Furthest that one of 20 values can lie from their mean, in band widths: (n − 1)/√n standard deviations."""


def _middle(x: Block) -> Array:
    return window_mean(x.close, _ROWS)


def _deviation(x: Block) -> Array:
    """std_20; exactly 0 where the window is flat: equal numbers, 16 or 4 of them, add up exactly."""
    return window_std(x.close, _ROWS)


@feature(unit="quote", inputs=("close",), encoding="anchored", lookback=_ROWS)
def bb_upper(x: Block) -> Array:
    """sma_20 + 2·std_20 of C (ddof 1).

    Source: Bollinger (2001), Bollinger on Bollinger Bands, ch. 7.
    """
    return _above(x(_middle), x(_deviation))


@each_row
def _above(middle: float, deviation: float) -> float:
    return middle + 2.0 * deviation


@feature(unit="quote", inputs=("close",), encoding="anchored", lookback=_ROWS)
def bb_lower(x: Block) -> Array:
    """sma_20 − 2·std_20 of C (ddof 1).

    Source: Bollinger (2001), Bollinger on Bollinger Bands, ch. 7.
    """
    return _below(x(_middle), x(_deviation))


@each_row
def _below(middle: float, deviation: float) -> float:
    return middle - 2.0 * deviation


@feature(unit="ratio", inputs=("close",), lookback=_ROWS, bounds=(0.0, inf))
def bb_width(x: Block) -> Array:
    """(bb_upper − bb_lower)/C = 4·std_20/C.

    Source: Bollinger (2001), ch. 8 (there divided by the middle band).
    """
    return _against_close(x(_deviation), x.close)


@each_row
def _against_close(deviation: float, close: float) -> float:
    return 4.0 * deviation / close


@feature(unit="ratio", inputs=("close",), lookback=_ROWS, bounds=(0.5 - _REACH, 0.5 + _REACH))
def bb_position(x: Block) -> Array:
    """(C − bb_lower)/(bb_upper − bb_lower); 0.5 when the window is flat (rolling max − min = 0).

    Written as 0.5 + (C − sma_20)/(4·std_20), the same value without the rounding of the bands.
    Source: Bollinger (2001), ch. 8 (%b).
    """
    return _position(x.close, x(_middle), x(_deviation))


@each_row
def _position(close: float, middle: float, deviation: float) -> float:
    if deviation == 0.0:
        return 0.5
    away = (close - middle) / (4.0 * deviation)
    position: float = np.minimum(np.maximum(away + 0.5, 0.5 - _REACH), 0.5 + _REACH)
    return position
