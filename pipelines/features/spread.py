"""Features 11–14: the bar's range and its average. The order book's spread lives in book.py."""

import numpy as np

from pipelines.features.block import Array, Block
from pipelines.features.compiled import each_row
from pipelines.features.declaration import feature
from pipelines.features.rolling import lag, window_mean


def true_range(x: Block) -> Array:
    """max(H − L, |H − C₋₁|, |L − C₋₁|), quote units. Source: Wilder (1978), New Concepts, ch. III."""
    return _reach(x.high, x.low, lag(x.close, 1))


@each_row
def _reach(high: float, low: float, before: float) -> float:
    reach: float = np.maximum(high, before) - np.minimum(low, before)
    return reach


@feature(unit="quote", inputs=("high", "low"), encoding="relative", lookback=1, bounds=(0.0, float("inf")))
def spread(x: Block) -> Array:
    """H − L, the bar's range.

    Source: FEATURES.md 11. Encoded it is spread_pct/100, redundant by construction.
    """
    return x.high - x.low


@feature(unit="%", inputs=("high", "low", "close"), lookback=1, bounds=(0.0, float("inf")))
def spread_pct(x: Block) -> Array:
    """The bar's range in percent of its close: 100·(H − L)/C.

    Source: FEATURES.md 12; Parkinson's (1980) range, not squared.
    """
    return _percent(x(spread), x.close)


@each_row
def _percent(spread: float, close: float) -> float:
    return 100.0 * (spread / close)


@feature(
    unit="quote",
    inputs=("high", "low", "close"),
    encoding="relative",
    lookback=15,
    bounds=(0.0, float("inf")),
)
def atr(x: Block) -> Array:
    """Simple mean of the true range over 14 bars.

    Source: Wilder (1978), New Concepts, ch. III, with a plain mean so that memory ends after 15 bars.
    """
    return window_mean(x(true_range), 14)


@feature(unit="ratio", inputs=("high", "low", "close"), lookback=15, bounds=(0.0, 14.0))
def spread_atr_ratio(x: Block) -> Array:
    """(H − L)/atr; 1 when atr is 0. At most 14: the bar's range is part of the mean.

    Source: FEATURES.md 14.
    """
    return _against_mean(x(spread), x(atr))


@each_row
def _against_mean(spread: float, mean: float) -> float:
    return 1.0 if mean == 0.0 else np.minimum(spread / mean, 14.0)
