"""Integer money: quote and base amounts in units of 1e-8, and the conversions at the border.

Every rounding goes against the trader, by less than one unit. What does not live here: costs, positions.
"""

import math

import numpy as np

from pipelines.errors import BadData

SCALE = 10**8
"""Minor units in one quote unit, in one base unit, and in a price of one quote unit per base unit."""
PPB = 10**9
"""Parts per billion: the integer form of a fraction (1 bp = 100,000 ppb)."""


def to_minor(amount: float) -> int:
    """Quote or base units -> integer minor units, nearest; raises BadData for NaN and infinities."""
    if not math.isfinite(amount):
        raise BadData(f"amount {amount!r} is not money: expected a finite number; correct it.")
    return round(amount * SCALE)


def prices_to_minor(prices: np.ndarray) -> list[int]:
    """(N,) float64 prices -> N integers; raises BadData when one is not positive, finite and below 9e10."""
    scaled = np.rint(prices * SCALE)
    good = (scaled >= 1) & (scaled < 2**63)  # NaN compares false
    if not good.all():
        first = int(np.argmin(good))
        raise BadData(
            f"price {prices[first]!r} in row {first} is not a price: expected 1e-8 <= price < 9e10;"
            " repair the bars before trading them."
        )
    integers: list[int] = scaled.astype(np.int64).tolist()
    return integers


def value(quantity: int, price: int) -> int:
    """Worth of a signed quantity at a price, minor quote units, rounded down (against the trader)."""
    return quantity * price // SCALE


def floor_to(quantity: int, step: int) -> int:
    """The largest multiple of `step` that is not above a non-negative quantity."""
    return quantity - quantity % step
