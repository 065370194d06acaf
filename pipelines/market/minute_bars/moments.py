"""Numerically stable (n, mean, M2) of minutes, and their merge over windows. Never a sum of squares.

M2 is the sum of squared deviations from the mean (Welford 1962); merging: Chan, Golub & LeVeque (1983).
Deviations are taken from a value of the sample itself, so equal values give M2 = 0 exactly and a scale of 2^k
scales every result bit for bit.
"""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.market.minute_bars.events import Floats, Ints


@dataclass(frozen=True)
class Moments:
    """Count, mean and M2, all of one shape; mean is NaN where count is 0."""

    count: Floats
    mean: Floats
    m2: Floats

    def std(self) -> Floats:
        """Sample standard deviation (ddof 1); 0 below two values."""
        few = self.count < 2
        return np.where(few, 0.0, np.sqrt(self.m2 / np.where(few, 1.0, self.count - 1.0)))


def of_segments(x: Floats, first: Floats, starts: Ints, counts: Ints) -> tuple[Moments, Floats]:
    """Moments of the consecutive, non-empty segments of x, and each value minus its segment's first."""
    shifted = x - np.repeat(first, counts)
    mean_shift = np.add.reduceat(shifted, starts) / counts
    spread = shifted - np.repeat(mean_shift, counts)
    spread *= spread
    return Moments(counts.astype(float), first + mean_shift, np.add.reduceat(spread, starts)), shifted


def merge(parts: Moments, windows: Sequence[slice]) -> Moments:
    """Merge the minutes that slices of equal length line up: each slice adds one minute to every window.

    Going by slice needs no (windows, minutes) matrix, and each window is still summed afresh in one order.
    """
    mean = np.where(parts.count > 0, parts.mean, 0.0)
    count = sum_of(parts.count[w] for w in windows)
    origin = np.fmax.reduce([parts.mean[w] for w in windows])  # one of the means, NaN where all are empty
    base = np.where(count > 0, origin, 0.0)
    shift = sum_of(parts.count[w] * (mean[w] - base) for w in windows) / np.where(count > 0, count, 1.0)
    centre = base + shift
    m2 = sum_of(parts.m2[w] + parts.count[w] * (mean[w] - centre) ** 2 for w in windows)
    return Moments(count, origin + shift, m2)


def sum_of(arrays: Iterable[Floats]) -> Floats:
    """Element-wise sum of equally long arrays, in their order."""
    return np.asarray(functools.reduce(np.add, arrays))
