"""Bins that hold about a tenth of a reference each, for drift and for importance. Nothing is judged here."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BINS = 10  # of a reference without ties


def cuts(reference: Array) -> Array:
    """Right ends of every bin but the last, ascending: the deciles of the reference (N > 0, no NaN).

    A value that is two deciles or more gets a bin of its own, so a flag, a weekday or a constant is counted value by
    value, however seldom the other values are: a decile alone would put a rare 1 and all the 0 into one bin.
    """
    ordered = np.sort(reference)
    places = (np.arange(1, BINS) * ordered.size + BINS - 1) // BINS - 1
    ends, held = np.unique(ordered[np.maximum(places, 0)], return_counts=True)
    return np.union1d(ends, np.nextafter(ends[held > 1], -np.inf))


def codes(values: Array, ends: Array) -> NDArray[np.int64]:
    """Number of the bin of each value (N,): bin i holds ends[i − 1] < x ≤ ends[i]."""
    found: NDArray[np.int64] = np.searchsorted(ends, values, side="left")
    return found


def counts(values: Array, ends: Array) -> NDArray[np.int64]:
    """How many values lie in each bin, (ends + 1,)."""
    return np.bincount(codes(values, ends), minlength=ends.size + 1)
