"""Equality of two feature frames to the last bit, or within a tolerance where a shape has changed.

Why two rules: vector units and matrix products group their sums by the length of an array, so a shorter array may
give other last bits without any look-ahead; an array of the same length may not.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

_TOLERANCE = {8: 1e-9, 4: 1e-4, 2: 1e-1}
"""Allowed difference by bytes of the float, relative to the column's largest magnitude, for changed shapes only."""


def differing(before: pl.DataFrame, after: pl.DataFrame, *, bitwise: bool) -> dict[str, NDArray[np.bool_]]:
    """Columns that differ, each with its differing rows, (N,). Null differs from NaN; any NaN equals any other."""
    same = before.equals(after)  # one fast call; it takes −0 for 0, so the bits are looked at even then
    found = {}
    for old, new in zip(before.get_columns(), after.get_columns(), strict=True):
        if same and not old.dtype.is_float():
            continue
        rows = _differing(old, new, bitwise)
        if rows.any():
            found[old.name] = rows
    return found


def _differing(old: pl.Series, new: pl.Series, bitwise: bool) -> NDArray[np.bool_]:
    if not old.dtype.is_float():
        return old.ne_missing(new).to_numpy()
    x, y = old.to_numpy(), new.to_numpy()
    differs: NDArray[np.bool_] = _bits(x, y) if bitwise else _beyond(x, y)
    if (old.null_count() or new.null_count()) and not old.equals(new):
        differs = differs | (old.is_null() != new.is_null()).to_numpy()
    return differs


def _bits(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.bool_]:
    raw = f"u{x.itemsize}"
    differs: NDArray[np.bool_] = x.view(raw) != y.view(raw)
    if differs.any():
        differs &= ~(np.isnan(x) & np.isnan(y))
    return differs


def _beyond(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.bool_]:
    known = np.isfinite(x)
    scale = np.abs(x[known]).max() if known.any() else 0.0
    with np.errstate(invalid="ignore"):  # infinity minus itself
        near = (x == y) | (np.abs(x - y) <= _TOLERANCE[x.itemsize] * scale) | (np.isnan(x) & np.isnan(y))
    far: NDArray[np.bool_] = np.logical_not(near)
    return far
