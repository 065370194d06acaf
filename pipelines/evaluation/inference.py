"""One-sided bounds of the mean of a dependent series (Newey-West). Block resampling lives in `bootstrap`.

Labels of horizon h overlap, so neighbouring scores share up to h bars of the same return: a test that takes
them for independent rejects a true null 27 % of the time at h = 12 where it says 5 %.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FIXED_B = {0.95: (2.1859, 0.3142, -0.3427), 0.99: (4.1618, 0.5368, -0.9060)}
"""Coefficients of b, b² and b³ that widen the normal quantile: Kiefer & Vogelsang (2005), Bartlett kernel."""


@dataclass(frozen=True)
class Estimate:
    """A number with one-sided bounds, each holding with probability `level` on its own."""

    value: float  # the point estimate, in the caller's unit
    lower: float  # one-sided lower bound, same unit
    upper: float  # one-sided upper bound, same unit
    level: float  # e.g. 0.99

    def over(self, scale: float) -> "Estimate":
        """The same estimate in units of a positive `scale`."""
        return Estimate(self.value / scale, self.lower / scale, self.upper / scale, self.level)


def autocovariances(series: NDArray[np.float64], lags: int) -> NDArray[np.float64]:
    """Autocovariances 0 … `lags` of a series (T,), each divided by T, through one FFT."""
    from scipy import fft  # here: scipy takes longer to load than a code location

    size = series.size
    centred = series - series.mean()
    spectrum = fft.rfft(centred, fft.next_fast_len(size + lags, real=True))
    power = (spectrum * spectrum.conj()).real
    whole = fft.irfft(power, fft.next_fast_len(size + lags, real=True))
    return np.asarray(whole[: lags + 1] / size, dtype=np.float64)


def long_run_variance(series: NDArray[np.float64], lag: int) -> float:
    """Newey-West (1987) long-run variance with Bartlett weights 1 − k/(lag + 1); never negative."""
    lags = min(lag, series.size - 1)
    gamma = autocovariances(series, lags)
    weights = 1.0 - np.arange(1, lags + 1) / (lags + 1.0)
    return max(0.0, float(gamma[0] + 2.0 * weights @ gamma[1:]))


def critical_value(level: float, size: int, lag: int) -> float:
    """Quantile by which a Newey-West t statistic is judged: fixed-b, then Student's factor for few points.

    Levels other than 0.95 and 0.99 are widened by the same ratio as the nearer of the two.
    """
    from scipy import stats  # not at module level: see autocovariances

    anchor = 0.95 if level < 0.97 else 0.99
    b = min(1.0, lag / size)
    normal = float(stats.norm.ppf(anchor))
    widened = normal + sum(c * b**power for power, c in enumerate(_FIXED_B[anchor], start=1))
    return float(stats.t.ppf(level, size - 1)) * widened / normal


def mean_bounds(series: NDArray[np.float64], lag: int, level: float) -> Estimate:
    """Mean of a dependent series (T ≥ 2,) with its one-sided Newey-West bounds at `level`."""
    value = float(series.mean())
    error = (long_run_variance(series, lag) / series.size) ** 0.5
    width = critical_value(level, series.size, lag) * error
    return Estimate(value, value - width, value + width, level)
