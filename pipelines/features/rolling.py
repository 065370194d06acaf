"""Windowed sums, moments, slopes and extremes that depend on their window only, to the last bit.

A window of n rows is put together from windows of 1, 2, 4, 8 … rows (S_2k = S_k + S_k shifted by k), never
from a running total: no dust of old rows stays behind, a prefix gives a prefix bitwise, and multiplying the
input by a power of two multiplies the result exactly. Sums of squared deviations merge as in Chan, Golub &
LeVeque (1979).

All arrays are (M,) and results too; the first n − 1 rows of a result mean nothing and the engine hides them.
What does not live here: exponential averages (momentum.py), which have no window.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def lag(values: Array, rows: int) -> Array:
    """The value `rows` rows earlier; the head repeats the first value."""
    if rows == 0:
        return values
    out = np.empty_like(values)
    out[rows:] = values[:-rows]
    out[:rows] = values[0]
    return out


def change(values: Array) -> Array:
    """Difference to the row before; the head is 0."""
    out = np.empty_like(values)
    np.subtract(values[1:], values[:-1], out=out[1:])
    out[0] = 0.0
    return out


def ratio(top: Array, bottom: Array, when_zero: float) -> Array:
    """top/bottom, with the stated value where the denominator is zero."""
    out = top / bottom
    zero = bottom == 0.0
    if zero.any():
        out[zero] = when_zero
    return out


def _later_and_earlier(values: Array, k: int) -> tuple[Array, Array]:
    return values[k:], values[:-k]


class Windows:
    """Windows over one column. Everything is built once per column and shared between window lengths."""

    def __init__(self, values: Array) -> None:
        self._sums = [values]  # sums over 1, 2, 4, … rows
        self._squares: list[Array] = []  # squared deviations from the mean over 1, 2, 4, … rows
        self._tilts: list[Array] = []  # Σ (position − centre)·value over 1, 2, 4, … rows

    def sum(self, rows: int) -> Array:
        """Sum over the last `rows` rows."""
        total: Array | None = None
        seen = 0
        for level in _levels(rows):
            part = self._sum(level)
            total = part if total is None else _plus_lagged(total, part, seen)
            seen += 1 << level
        assert total is not None
        return total

    def mean(self, rows: int) -> Array:
        """Mean over the last `rows` rows."""
        return self.sum(rows) / rows

    def std(self, rows: int) -> Array:
        """Standard deviation (ddof 1) over the last `rows` rows."""
        squares, total, seen = (
            self._square(_levels(rows)[0]),
            self._sum(_levels(rows)[0]),
            1 << _levels(rows)[0],
        )
        for level in _levels(rows)[1:]:
            size = 1 << level
            gap = total / seen
            gap[seen:] -= self._sum(level)[:-seen] / size
            squares = _plus_lagged(squares, self._square(level), seen)
            gap *= gap
            gap *= seen * size / (seen + size)
            squares += gap
            total = _plus_lagged(total, self._sum(level), seen)
            seen += size
        return np.sqrt(squares / (rows - 1))

    def slope(self, rows: int) -> Array:
        """Least-squares slope per row over the last `rows` rows."""
        tilt: Array | None = None
        centre = (rows - 1) / 2
        end = rows
        for level in _levels(rows):
            size = 1 << level
            part = self._tilt(level) + (end - size + (size - 1) / 2 - centre) * self._sum(level)
            tilt = part if tilt is None else _plus_lagged(tilt, part, rows - end)
            end -= size
        assert tilt is not None
        return tilt / (rows * (rows * rows - 1) / 12)

    def _sum(self, level: int) -> Array:
        while len(self._sums) <= level:
            last = self._sums[-1]
            self._sums.append(_plus_lagged(last, last, 1 << (len(self._sums) - 1)))
        return self._sums[level]

    def _square(self, level: int) -> Array:
        if not self._squares:
            self._squares.append(np.zeros_like(self._sums[0]))
        while len(self._squares) <= level:
            done = len(self._squares) - 1
            k, last = 1 << done, self._squares[-1]
            merged = _plus_lagged(last, last, k)
            later, earlier = _later_and_earlier(self._sum(done), k)
            gap = later - earlier
            gap *= gap
            gap *= 0.5 / k
            merged[k:] += gap
            self._squares.append(merged)
        return self._squares[level]

    def _tilt(self, level: int) -> Array:
        if not self._tilts:
            self._tilts.append(np.zeros_like(self._sums[0]))
        while len(self._tilts) <= level:
            done = len(self._tilts) - 1
            k, last = 1 << done, self._tilts[-1]
            merged = _plus_lagged(last, last, k)
            later, earlier = _later_and_earlier(self._sum(done), k)
            merged[k:] += (later - earlier) * (k / 2)
            self._tilts.append(merged)
        return self._tilts[level]


def spread_of(values: Array, rows: int) -> Array:
    """Maximum minus minimum over the last `rows` rows: exactly 0 when, and only when, the window is flat."""
    high, low, size = values, values, 1
    while size < rows:
        step = min(size, rows - size)
        high, low = _meet(np.maximum, high, step), _meet(np.minimum, low, step)
        size += step
    return high - low


def _meet(pick: np.ufunc, values: Array, step: int) -> Array:
    out = np.empty_like(values)
    pick(*_later_and_earlier(values, step), out=out[step:])
    out[:step] = values[:step]
    return out


def _plus_lagged(values: Array, other: Array, rows: int) -> Array:
    out = np.empty_like(values)
    np.add(values[rows:], other[:-rows], out=out[rows:])
    out[:rows] = values[:rows]
    return out


def _levels(rows: int) -> list[int]:
    """The powers of two that make up `rows`, largest first."""
    return [level for level in reversed(range(rows.bit_length())) if rows >> level & 1]
