"""Windowed sums, moments, slopes and standstills that depend on their window only, to the last bit.

A window of n rows is put together from windows of 1, 2, 4, 8 … rows (S_2k = S_k + S_k shifted by k), never
from a running total: no dust of old rows stays behind, a prefix gives a prefix bitwise, and multiplying the
input by a power of two multiplies the result exactly. Sums of squared deviations merge as in Chan, Golub &
LeVeque (1979). Rows are taken in tiles that the first cache holds, each with the rows before it that it needs.

All arrays are (M,) and results too; the first n − 1 rows of a result mean nothing and the engine hides them.
What does not live here: exponential averages (exponential.py), which have no window.
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.features.compiled import kernel

Array = NDArray[np.float64]
TILE = 1024  # rows


@kernel
def lag(values: Array, rows: int) -> Array:
    """The value `rows` rows earlier; the head repeats the first value."""
    out = np.empty_like(values)
    out[:rows] = values[:1].sum()  # which is nothing where there is no row
    out[rows:] = values[: max(values.size - rows, 0)]
    return out


@kernel
def change(values: Array) -> Array:
    """Difference to the row before; the head is 0."""
    out = np.empty_like(values)
    into, later = out[1:], values[1:]
    out[:1] = 0.0
    for i in range(into.size):
        into[i] = later[i] - values[i]
    return out


@kernel
def relative_change(values: Array) -> Array:
    """values_t/values_{t−1} − 1, written as the move over the earlier value: exactly 0 where nothing moved."""
    out = np.empty_like(values)
    into, later = out[1:], values[1:]
    out[:1] = 0.0
    for i in range(into.size):
        into[i] = (later[i] - values[i]) / values[i]
    return out


@kernel
def ratio(top: Array, bottom: Array, when_zero: float) -> Array:
    """top/bottom, with the stated value where the denominator is zero."""
    if top.size != bottom.size:
        raise ValueError("top and bottom must be of one length")
    out = np.empty_like(top)
    for i in range(out.size):
        out[i] = when_zero if bottom[i] == 0.0 else top[i] / bottom[i]
    return out


@kernel
def window_sum(values: Array, rows: int) -> Array:
    """Sum over the last `rows` rows."""
    return _total(values, rows, 1.0)


@kernel
def window_mean(values: Array, rows: int) -> Array:
    """Mean over the last `rows` rows."""
    return _total(values, rows, float(rows))


@kernel
def window_std(values: Array, rows: int) -> Array:
    """Standard deviation (ddof 1) over the last `rows` rows."""
    out, top = np.empty_like(values), _top(rows)
    sums, squares = np.empty((top + 1, TILE + rows)), np.empty((top + 1, TILE + rows))
    for start in range(0, values.size, TILE):
        first, stop = max(start + 1 - rows, 0), min(start + TILE, values.size)
        tile = values[first:stop]
        _double_sums(tile, sums)
        _double_squares(sums, squares, tile.size)
        total, around = sums[top, : tile.size], squares[top, : tile.size]
        level, seen = top, 1 << top
        while seen < rows:
            level -= 1
            size = 1 << level
            if rows & size:
                into, into_sum, weight = around[seen:], total[seen:], seen * size / (seen + size)
                older, older_sum = squares[level], sums[level]
                for i in range(into.size):
                    gap = into_sum[i] / seen - older_sum[i] / size
                    into[i] = into[i] + older[i] + gap * gap * weight
                    into_sum[i] = into_sum[i] + older_sum[i]
                seen += size
        into, found = out[start:stop], around[start - first :]
        for i in range(into.size):
            into[i] = np.sqrt(found[i] / (rows - 1))
    return out


@kernel
def window_slope(values: Array, rows: int) -> Array:
    """Least-squares slope per row over the last `rows` rows."""
    out, top, centre = np.empty_like(values), _top(rows), (rows - 1) / 2
    sums, tilts = np.empty((top + 1, TILE + rows)), np.empty((top + 1, TILE + rows))
    tilt = np.empty(TILE + rows)
    for start in range(0, values.size, TILE):
        first, stop = max(start + 1 - rows, 0), min(start + TILE, values.size)
        tile = values[first:stop]
        _double_sums(tile, sums)
        _double_tilts(sums, tilts, tile.size)
        tilt[:] = 0.0
        end = rows
        for level in range(top, -1, -1):
            size = 1 << level
            if rows & size:
                into, part, part_sum = tilt[rows - end : tile.size], tilts[level], sums[level]
                distance = end - size + (size - 1) / 2 - centre
                for i in range(into.size):
                    into[i] = into[i] + (part[i] + distance * part_sum[i])
                end -= size
        into, found = out[start:stop], tilt[start - first :]
        for i in range(into.size):
            into[i] = found[i] / (rows * (rows * rows - 1) / 12)
    return out


@kernel
def flat(values: Array, rows: int) -> Array:
    """1 where the last `rows` rows are all the same number (their maximum minus minimum is 0), else 0."""
    out = np.empty_like(values)
    same = 0
    for i in range(out.size):
        same = same + 1 if i > 0 and values[i] - values[i - 1] == 0.0 else 1
        out[i] = same >= rows
    return out


@kernel
def _top(rows: int) -> int:
    """Number of the highest power of two within `rows`."""
    if rows < 1:
        raise ValueError("a window must have at least one row")
    top = 0
    while rows >> (top + 1):
        top += 1
    return top


@kernel
def _total(values: Array, rows: int, divisor: float) -> Array:
    """Sums over `rows` rows ÷ divisor, from those over the powers of two that make up `rows`, largest first."""
    out, top = np.empty_like(values), _top(rows)
    sums = np.empty((top + 1, TILE + rows))
    for start in range(0, values.size, TILE):
        first, stop = max(start + 1 - rows, 0), min(start + TILE, values.size)
        tile = values[first:stop]
        _double_sums(tile, sums)
        total = sums[top, : tile.size]
        level, seen = top, 1 << top
        while seen < rows:
            level -= 1
            if rows >> level & 1:
                into, part = total[seen:], sums[level]
                for i in range(into.size):
                    into[i] = into[i] + part[i]
                seen += 1 << level
        into, found = out[start:stop], total[start - first :]
        for i in range(into.size):
            into[i] = found[i] / divisor
    return out


@kernel
def _double_sums(values: Array, sums: Array) -> None:
    """Row l of `sums`: sums of the values over 2^l rows."""
    sums[0, : values.size] = values
    for level in range(1, sums.shape[0]):
        k, last, into = 1 << (level - 1), sums[level - 1, : values.size], sums[level]
        into[:k] = 0.0
        both, later = into[k:], last[k:]
        for i in range(later.size):
            both[i] = later[i] + last[i]


@kernel
def _double_squares(sums: Array, squares: Array, n: int) -> None:
    """Row l: squared deviations over 2^l rows, the halves' own and what their means differ by."""
    squares[0, :n] = 0.0
    for level in range(1, sums.shape[0]):
        k, last, half, into = 1 << (level - 1), squares[level - 1, :n], sums[level - 1], squares[level]
        into[:k] = 0.0
        both, later, upper, weight = into[k:], last[k:], half[k:], 0.5 / k
        for i in range(later.size):
            gap = upper[i] - half[i]
            both[i] = later[i] + last[i] + gap * gap * weight


@kernel
def _double_tilts(sums: Array, tilts: Array, n: int) -> None:
    """Row l: Σ (position − centre)·value over 2^l rows, the halves' own and how far they lie from the new centre."""
    tilts[0, :n] = 0.0
    for level in range(1, sums.shape[0]):
        k, last, half, into = 1 << (level - 1), tilts[level - 1, :n], sums[level - 1], tilts[level]
        into[:k] = 0.0
        both, later, upper = into[k:], last[k:], half[k:]
        for i in range(later.size):
            both[i] = later[i] + last[i] + (upper[i] - half[i]) * (k / 2)
