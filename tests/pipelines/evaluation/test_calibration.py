"""Calibration errors on forecasts that are right by construction, and on ones that are not."""

import numpy as np
import pytest

from pipelines.evaluation.calibration import (
    classwise_error,
    debiased_square,
    equal_mass,
    expected_calibration_error,
    perfect_error,
    top_label_bins,
)


def calibrated(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    p = random.dirichlet([4, 4, 4], size)
    return p, (random.random((size, 1)) > p.cumsum(axis=1)).sum(axis=1)


@pytest.mark.parametrize(
    ("size", "mean"), [(200, 0.108), (500, 0.068), (1000, 0.049), (2000, 0.035), (10_000, 0.016)]
)
def test_bias_of_a_perfect_model_is_the_published_one(size: int, mean: float) -> None:
    shown, said, square = [], [], []
    for seed in range(120):
        bins = top_label_bins(*calibrated(size, seed), 15)
        shown.append(expected_calibration_error(bins))
        said.append(perfect_error(bins, size))
        square.append(debiased_square(bins, size))
    assert np.mean(shown) == pytest.approx(mean, rel=0.12)
    assert np.mean(said) == pytest.approx(np.mean(shown), rel=0.06)
    assert abs(np.mean(square)) < 4 * np.std(square) / np.sqrt(120)


def test_class_errors_hidden_by_the_top_label_are_seen() -> None:
    random = np.random.default_rng(0)
    label = random.choice(3, 20_000, p=[0.1, 0.6, 0.3])
    p = np.tile([0.3, 0.6, 0.1], (20_000, 1))  # the named class is right, the two others are swapped
    assert expected_calibration_error(top_label_bins(p, label, 15)) < 0.01
    assert classwise_error(p, label, 15, 20_000) == pytest.approx(np.sqrt(2 * 0.2**2 / 3), rel=0.05)


def test_calibrated_is_near_zero_and_overconfident_is_not() -> None:
    p, label = calibrated(20_000, 1)
    sharp = p**3 / (p**3).sum(axis=1, keepdims=True)
    assert classwise_error(p, label, 15, 20_000) < 0.01
    assert classwise_error(sharp, label, 15, 20_000) > 0.1


def test_bins_by_hand() -> None:
    bins = equal_mass(np.array([0.1, 0.1, 0.1, 0.9]), np.array([False, True, False, True]), 2)
    assert bins.weight.tolist() == [0.75, 0.25]  # equal forecasts share a bin
    assert bins.forecast == pytest.approx([0.1, 0.9])
    assert bins.observed == pytest.approx([1 / 3, 1.0])
    assert expected_calibration_error(bins) == pytest.approx(0.75 * (1 / 3 - 0.1) + 0.25 * 0.1)
