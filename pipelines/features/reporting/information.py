"""Importance: mutual information of one encoded feature with the label, in bits, and the floor that chance reaches.

Both are counted in bins (bins.py), without a correction: the estimate is too high by about
(bins − 1)·(classes − 1)/(2N·ln 2) bits and by more where rows that follow each other are alike and labels overlap.
So it is set against the same estimate with the labels moved along in time, round the end to the beginning: that keeps
how alike neighbours are and destroys only what feature and label share. The floor is the largest of SHIFTS such
estimates, so one unrelated feature in SHIFTS + 1 is expected above it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.features.reporting.bins import Array, codes, cuts

SHIFTS = 99
NEAREST = 0.1  # of the rows: the smallest shift, many labels away
FEWEST = 100  # known rows below which nothing is said
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Importance:
    """What one feature says about the label by itself."""

    bits: float
    floor: float  # bits; largest of the shifted estimates

    @property
    def above(self) -> bool:
        """Whether the feature says more than chance reached."""
        return self.bits > self.floor


def entropy(found: NDArray[np.int64]) -> float:
    """Entropy in bits of counts of any shape."""
    shares = found[found > 0] / found.sum()
    return float(-(shares * np.log2(shares)).sum())


def information(joint: NDArray[np.int64]) -> float:
    """Mutual information in bits of a table of joint counts, (A, B); never below 0."""
    return max(0.0, entropy(joint.sum(axis=1)) + entropy(joint.sum(axis=0)) - entropy(joint))


def importance(values: Array, labels: Codes) -> Importance | None:
    """Importance of one column (N,) for classes 0, 1, … (N,), both in order of time; NaN is a row left out.

    None below FEWEST known rows.
    """
    known = np.flatnonzero(~np.isnan(values))
    if known.size < FEWEST:
        return None
    here, classes = values[known], int(labels.max()) + 1
    ends = cuts(here)
    bins = codes(here, ends) * classes
    circle = np.concatenate([labels, labels])

    def at(shift: int) -> float:
        moved = circle[shift : shift + labels.size]
        each = np.bincount(bins + moved[known], minlength=(ends.size + 1) * classes)
        return information(each.reshape(-1, classes))

    return Importance(at(0), max(at(shift) for shift in shifts(labels.size)))


def shifts(rows: int) -> list[int]:
    """How far the labels are moved each time, in rows."""
    return [int(one) for one in np.linspace(NEAREST * rows, (1 - NEAREST) * rows, SHIFTS)]
