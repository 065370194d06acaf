"""Newey-West bounds: closed forms, and the size of the test when labels overlap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from pipelines.evaluation.inference import autocovariances, long_run_variance, mean_bounds


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 60), st.integers(0, 80), st.integers(0, 2**32 - 1))
def test_fast_autocovariances_equal_the_definition(size: int, lag: int, seed: int) -> None:
    series = np.random.default_rng(seed).standard_normal(size)
    lag = min(lag, size - 1)
    centred = series - series.mean()
    plain = [centred[k:] @ centred[: size - k] / size for k in range(lag + 1)]
    assert autocovariances(series, lag) == pytest.approx(plain, abs=1e-12)
    assert long_run_variance(series, lag) >= 0


def test_long_run_variance_by_hand() -> None:
    # centred (-1, 0, 1): gamma0 = 2/3, gamma1 = 0; lag 1 weighs gamma1 by 1/2; lag 2 adds 2*(1/3)*(-1/3)
    series = np.array([1.0, 2.0, 3.0])
    assert long_run_variance(series, 1) == pytest.approx(2 / 3)
    assert long_run_variance(series, 2) == pytest.approx(2 / 3 - 2 / 9)


def test_a_constant_series_is_known_exactly() -> None:
    bounds = mean_bounds(np.zeros(100), 24, 0.99)
    assert (bounds.lower, bounds.value, bounds.upper) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("horizon", [1, 12])
def test_overlapping_labels_reject_the_truth_as_often_as_they_say(horizon: int) -> None:
    random = np.random.default_rng(horizon)
    rejected, naive, rounds, size = 0, 0, 1500, 3000
    for _ in range(rounds):
        walk = np.cumsum(np.r_[0.0, random.standard_normal(size + horizon)])
        ahead = (walk[horizon:] - walk[:-horizon])[:size]
        persistent = signal.lfilter([1], [1, -0.98], random.standard_normal(size))
        score = np.sign(persistent) * ahead
        rejected += mean_bounds(score, 3 * horizon, 0.99).lower > 0
        naive += mean_bounds(score, 0, 0.99).lower > 0
    assert rejected / rounds <= 0.02
    if horizon > 1:
        assert naive / rounds > 0.10  # the negative control: without the lag the bound means nothing
