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
from pipelines.features.compiled import kernel

TILE = 2048  # rows: many more than a memory of 275, few enough for the second cache


class Fading(NamedTuple):
    """How far an average stays behind its value, C_t − ema_t = p·Σ p^k·(C_{t−k} − C_{t−k−1}), (M,), and its p."""

    keep: float
    behind: Array


def keep_of(span: int) -> float:
    """P = 1 − α of an average over `span` rows, α = 2/(span + 1)."""
    return (span - 1) / (span + 1)


def fading(moves: Array, span: int, rows: int) -> Fading:
    """Moves (M,), each value less the one before, as an average over `span` rows sees them, begun `rows` − 1 before."""
    keep = keep_of(span)
    return Fading(keep, fading_sum(moves, keep, rows - 1, times=keep))


def fading_sum(values: Array, keep: float, rows: int, *, times: float = 1.0) -> Array:
    """`times`·Σ over k < rows of keep^k·values_{t−k}, (M,), put together from windows of 1, 2, 4, … rows.

    The first rows − 1 results mean nothing and the engine hides them.
    """
    powers = np.array([keep**k for k in range(rows + 1)])
    return _fading_sum(values, powers, rows, times)


@kernel
def _fading_sum(values: Array, powers: Array, rows: int, times: float) -> Array:
    """The sum, with keep^k given as `powers` (rows + 1,), tile by tile."""
    out = np.empty_like(values)
    part, doubled, total = np.empty(TILE + rows), np.empty(TILE + rows), np.empty(TILE + rows)
    for start in range(0, values.size, TILE):
        first, stop = max(start + 1 - rows, 0), min(start + TILE, values.size)
        n = stop - first
        part[:n], total[:n] = values[first:stop], 0.0
        size, seen = 1, 0
        while seen < rows:
            if rows & size:
                shown = max(start - first, seen)  # rows before it are the tile's memory alone
                into, older, weight = total[shown:n], part[shown - seen :], powers[seen]
                for i in range(into.size):
                    into[i] = older[i] * weight + into[i]
                seen += size
            if seen < rows:
                into, later, weight = doubled[size:n], part[size:n], powers[size]
                doubled[:size] = 0.0
                for i in range(into.size):
                    into[i] = part[i] * weight + later[i]
                part, doubled, size = doubled, part, 2 * size
        into, found = out[start:stop], total[start - first : n]
        for i in range(into.size):
            into[i] = times * found[i]
    return out


def again(slow: Fading, fast: Fading, second: Fading) -> Array:
    """The average (`second`) of the difference of two averages of the same values, `fast` less `slow`, (M,).

    Two exponential kernels in a row are a difference of the two: an average of an average stays behind the values by
    ((1 − p)·r·E_r − (1 − r)·p·E_p)/(r − p).
    """
    return _again(slow.behind, fast.behind, second.behind, slow.keep, fast.keep, second.keep)


@kernel
def _again(slow: Array, fast: Array, second: Array, p: float, q: float, r: float) -> Array:
    out = np.empty_like(slow)
    for i in range(out.size):
        of_slow = ((1 - p) * r * second[i] - (1 - r) * p * slow[i]) / (r - p)
        of_fast = ((1 - q) * r * second[i] - (1 - r) * q * fast[i]) / (r - q)
        out[i] = of_slow - of_fast
    return out
