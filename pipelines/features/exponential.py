"""Exponential averages with a memory that ends: a window of so many rows, older ones as if they were its first.

Run as a recursion such an average never forgets, so a trader that starts later differs in the last digits for ever.
FEATURES.md declares after how many bars what is older no longer matters (1e-9 of the price); here the window ends
there, so that batch, a new day and a trader started this morning agree to the last bit. No feature is declared here.

Summed by parts, ema_t = C_t − p·Σ p^k·(C_{t−k} − C_{t−k−1}) with p = 1 − α: a still price gives itself exactly, and
differences of two averages lose no digits to the price that both contain.
"""

from typing import NamedTuple

import numpy as np

from pipelines.features.block import Array
from pipelines.features.rolling import change


class Fading(NamedTuple):
    """Σ p^k·(C_{t−k} − C_{t−k−1}) of a window, (M,), and its p."""

    keep: float
    moves: Array

    @property
    def behind(self) -> Array:
        """How far the average stays behind the value: C_t − ema_t = p·Σ p^k·(C_{t−k} − C_{t−k−1})."""
        return self.keep * self.moves


def keep_of(span: int) -> float:
    """P = 1 − α of an average over `span` rows, α = 2/(span + 1)."""
    return (span - 1) / (span + 1)


def fading(values: Array, span: int, rows: int) -> Fading:
    """The moves of `values` (M,) as an average over `span` rows sees them that starts `rows` − 1 rows before t."""
    return Fading(keep_of(span), fading_sum(change(values), keep_of(span), rows - 1))


def fading_sum(values: Array, keep: float, rows: int) -> Array:
    """Σ over k < rows of keep^k·values_{t−k}, (M,): put together from windows of 1, 2, 4, … rows as in rolling.py.

    The first rows − 1 results mean nothing and the engine hides them.
    """
    part, size = values, 1  # the sum over the last `size` rows
    total, seen = np.zeros_like(values), 0
    while seen < rows:
        if rows & size:
            total = _plus_faded(total, part, keep**seen, seen)
            seen += size
        if seen < rows:
            part = _plus_faded(part, part, keep**size, size)
            size *= 2
    return total


def again(first: Fading, second: Fading) -> Array:
    """How far the average (`second`) of an average (`first`) of the same values stays behind the values.

    Two exponential kernels in a row are a difference of the two: ((1 − p)·r·E_r − (1 − r)·p·E_p)/(r − p).
    """
    p, r = first.keep, second.keep
    behind: Array = ((1 - p) * r * second.behind - (1 - r) * p * first.behind) / (r - p)
    return behind


def _plus_faded(values: Array, other: Array, weight: float, rows: int) -> Array:
    """values_t + weight·other_{t−rows}; where nothing lies so far back, the values alone."""
    if rows == 0:
        return values + other
    out = np.empty_like(values)
    np.multiply(other[:-rows], weight, out=out[rows:])
    out[rows:] += values[rows:]
    out[:rows] = values[:rows]
    return out
