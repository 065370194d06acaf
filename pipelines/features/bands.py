"""Features 30–33: Bollinger bands of 20 bars and two standard deviations."""

from math import inf, sqrt

import numpy as np

from pipelines.features.averages import close_windows
from pipelines.features.block import Array, Block
from pipelines.features.declaration import feature
from pipelines.features.rolling import ratio, spread_of

_ROWS = 20
_REACH = (_ROWS - 1) / sqrt(_ROWS) / 4
"""Furthest that one of 20 values can lie from their mean, in band widths: (n − 1)/√n standard deviations."""


def _middle(x: Block) -> Array:
    return x(close_windows).mean(_ROWS)


def _width(x: Block) -> Array:
    """Four standard deviations; exactly 0 where the window is flat."""
    values: Array = 4.0 * x(close_windows).std(_ROWS)
    flat = spread_of(x.close, _ROWS) == 0.0
    if flat.any():
        values[flat] = 0.0
    return values


@feature(unit="quote", encoding="anchored", lookback=_ROWS)
def bb_upper(x: Block) -> Array:
    """sma_20 + 2·std_20 of C (ddof 1).

    Source: Bollinger (2001), Bollinger on Bollinger Bands, ch. 7.
    """
    return x(_middle) + 0.5 * x(_width)


@feature(unit="quote", encoding="anchored", lookback=_ROWS)
def bb_lower(x: Block) -> Array:
    """sma_20 − 2·std_20 of C (ddof 1).

    Source: Bollinger (2001), Bollinger on Bollinger Bands, ch. 7.
    """
    return x(_middle) - 0.5 * x(_width)


@feature(unit="ratio", lookback=_ROWS, bounds=(0.0, inf))
def bb_width(x: Block) -> Array:
    """(bb_upper − bb_lower)/C = 4·std_20/C.

    Source: Bollinger (2001), ch. 8 (there divided by the middle band).
    """
    return x(_width) / x.close


@feature(unit="ratio", lookback=_ROWS, bounds=(0.5 - _REACH, 0.5 + _REACH))
def bb_position(x: Block) -> Array:
    """(C − bb_lower)/(bb_upper − bb_lower); 0.5 when the window is flat (rolling max − min = 0).

    Written as 0.5 + (C − sma_20)/width, the same value without the rounding of the bands.
    Source: Bollinger (2001), ch. 8 (%b).
    """
    values = ratio(x.close - x(_middle), x(_width), when_zero=0.0)
    values += 0.5
    return np.clip(values, 0.5 - _REACH, 0.5 + _REACH, out=values)
