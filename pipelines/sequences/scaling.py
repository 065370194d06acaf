"""One centre and one scale per column, fitted on encoded training windows. No encoding lives here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NORMAL_IQR = 1.349  # interquartile range of a standard normal law
LIMIT = 8.0  # scaled values are clipped to ±8: one outlier may not drown a window


@dataclass(frozen=True)
class Scaler:
    """Robust scaling x → clip((x − centre)/scale, ±8), column by column (F,)."""

    centre: tuple[float, ...]
    scale: tuple[float, ...]
    disabled: tuple[str, ...]  # zero-variance columns: they become 0

    def apply(self, encoded: NDArray[np.floating]) -> NDArray[np.float32]:
        """Scaled values float32 of any (…, F)."""
        centre = np.asarray(self.centre, dtype=np.float32)
        scale = np.asarray(self.scale, dtype=np.float32)
        scaled: NDArray[np.float32] = np.subtract(encoded, centre, dtype=np.float32, casting="same_kind")
        np.divide(scaled, scale, out=scaled)
        np.clip(scaled, -LIMIT, LIMIT, out=scaled)
        return scaled


def fit(encoded: NDArray[np.floating], names: Sequence[str], flags: Sequence[str] = ()) -> Scaler:
    """Median and IQR ÷ 1.349 of the columns of `encoded` (S, F), S sampled rows of training windows.

    A column whose quartiles agree falls back to its mean and standard deviation; a constant column is
    disabled (it becomes 0 when it keeps its value); the columns in `flags` are left as they are.
    """
    sample = np.asarray(encoded, dtype=np.float64)
    low, centre, high = np.quantile(sample, [0.25, 0.5, 0.75], axis=0)
    scale = (high - low) / NORMAL_IQR
    narrow = scale <= 0
    centre = np.where(narrow, sample.mean(axis=0), centre)
    scale = np.where(narrow, sample.std(axis=0), scale)
    constant = np.ptp(sample, axis=0) == 0
    centre, scale = np.where(constant, sample[0], centre), np.where(constant, 1.0, scale)
    flag = np.isin(np.asarray(names), np.asarray(flags, dtype=str)) & ~constant
    centre, scale = np.where(flag, 0.0, centre), np.where(flag, 1.0, scale)
    disabled = tuple(name for name, off in zip(names, constant, strict=True) if off)
    return Scaler(tuple(centre.tolist()), tuple(scale.tolist()), disabled)
