"""Whether forecast probabilities come true: calibration errors and the bins of a reliability diagram.

What does not live here: whether they are worth anything. A constant can be perfectly calibrated.
"""

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Bins:
    """Equal-mass bins of one forecast probability, each field (B,)."""

    weight: NDArray[np.float64]  # share of the rows, sums to 1
    forecast: NDArray[np.float64]  # mean forecast probability
    observed: NDArray[np.float64]  # share of the rows in which it came true


def equal_mass(forecast: NDArray[np.float64], came_true: NDArray[np.bool_], bins: int) -> Bins:
    """Bins of nearly equal row counts by rising forecast; rows with equal forecasts stay in one bin."""
    size = forecast.size
    rank = np.searchsorted(np.sort(forecast), forecast, side="left")  # ties share the lowest rank
    place = rank * bins // size
    count = np.bincount(place, minlength=bins).astype(np.float64)
    full = count > 0
    mean = np.bincount(place, forecast, minlength=bins)[full] / count[full]
    share = np.bincount(place, came_true, minlength=bins)[full] / count[full]
    return Bins(count[full] / size, mean, share)


def top_label_bins(probabilities: NDArray[np.float64], label: NDArray[np.int64], bins: int) -> Bins:
    """Bins of the likeliest class's probability and whether that class happened; (N, K) and (N,)."""
    return equal_mass(probabilities.max(axis=1), probabilities.argmax(axis=1) == label, bins)


def expected_calibration_error(bins: Bins) -> float:
    """Σ_b weight·|observed − forecast| (Naeini et al. 2015). Biased upward: see `perfect_error`."""
    return float(bins.weight @ np.abs(bins.observed - bins.forecast))


def perfect_error(bins: Bins, independent: float) -> float:
    """What a perfectly calibrated model would show as calibration error: Σ_b weight·√(2p(1−p)/(π·n_b)).

    `independent` is the number of independent rows, of which a bin holds `weight`·`independent`.
    """
    variance = bins.forecast * (1.0 - bins.forecast) / np.maximum(bins.weight * independent, 1.0)
    return float(bins.weight @ np.sqrt(variance)) * sqrt(2.0 / pi)


def debiased_square(bins: Bins, independent: float) -> float:
    """Σ_b weight·[(observed − forecast)² − observed(1 − observed)/(n_b − 1)]; mean 0 when calibrated.

    Bröcker (2012); Ferro & Fricker (2012); Kumar, Liang & Ma (2019). May be negative by chance.
    """
    rows = np.maximum(bins.weight * independent, 2.0)
    noise = bins.observed * (1.0 - bins.observed) / (rows - 1.0)
    return float(bins.weight @ ((bins.observed - bins.forecast) ** 2 - noise))


def classwise_error(
    probabilities: NDArray[np.float64], label: NDArray[np.int64], bins: int, independent: float
) -> float:
    """Root of the mean over classes of the debiased squared error, in probability; 0 when below noise.

    Every class is looked at: the likeliest class alone hides UP and DOWN probabilities that are both wrong.
    """
    squares = [
        debiased_square(equal_mass(probabilities[:, k], label == k, bins), independent)
        for k in range(probabilities.shape[1])
    ]
    return sqrt(max(0.0, float(np.mean(squares))))
