"""Calibration, the zoo's table, and that loading it or a forecaster imports no training library."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import UnknownName
from pipelines.models import probabilities as prob
from pipelines.models.recipes import RECIPES, horizon_of, recipe


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-30, 30), min_size=3, max_size=3), st.floats(1, 100))
def test_calibration_keeps_probabilities_and_shrinks(scores: list[float], temperature: float) -> None:
    prior = (0.3, 0.4, 0.3)
    logits = np.array([scores])
    raw = prob.Calibrator(1.0, prior).apply(logits)
    cool = prob.Calibrator(temperature, prior).apply(logits)
    assert cool.sum() == pytest.approx(1)
    np.testing.assert_allclose(raw, prob.softmax(logits), atol=1e-12)

    def information(p: np.ndarray) -> float:  # Kullback–Leibler divergence from the prior
        return float((p * (np.log(np.maximum(p, 1e-300)) - np.log(prior))).sum())

    assert information(cool) <= information(raw) + 1e-9


def test_temperature_finds_no_skill_in_noise_and_keeps_real_skill() -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 4000)
    noise = rng.normal(size=(4000, 3))
    shares = prob.shares_of(classes)
    assert prob.fit_calibrator(noise, classes, shares).temperature > 20
    told = np.eye(3)[classes] + noise * 0.1
    assert prob.fit_calibrator(told, classes, shares).temperature < 2
    calm = prob.fit_calibrator(noise, classes, (0.5, 0.3, 0.2)).apply(np.zeros((1, 3)))
    assert calm[0, 0] == pytest.approx(calm[0, 2])  # a drift of the training span is not a direction


def test_class_means_and_expected_by_hand() -> None:
    y, sigma = np.array([-0.02, 0.0, 0.04, 0.02]), np.full(4, 0.005)
    means = prob.class_means(y, sigma, np.array([0, 1, 2, 2]), 4)
    assert means == pytest.approx((-2.0, 0.0, 3.0))  # y ÷ (0.005·2)
    times = pl.Series([0], dtype=pl.Datetime("us", "UTC"))
    frame = prob.forecast_frame("A-USD", times, np.array([[0.2, 0.3, 0.5]]), np.array([0.01]), means, 9)
    assert frame["expected"][0] == pytest.approx((-0.4 + 1.5) * 0.01 * 3)


def test_the_zoo() -> None:
    assert set(RECIPES) == {"boosted_trees", "timing"}
    expected = {"1m": 60, "5m": 12, "15m": 4, "30m": 4, "1h": 6, "12h": 2, "1d": 1}
    assert recipe("boosted_trees").horizons == expected
    assert horizon_of("timing", "seq500h") == 24
    with pytest.raises(UnknownName, match="timing"):
        recipe("oracle")
    with pytest.raises(UnknownName, match="seq300"):
        horizon_of("timing", "1m")


@pytest.mark.parametrize("module", ["recipes", "forecaster", "timing", "trees", "timing_loop"])
def test_importing_loads_no_training_library(module: str) -> None:
    code = (
        f"import sys, pipelines.models.{module}; "
        "print([m for m in ('torch', 'lightgbm', 'sklearn', 'scipy', 'mlflow', 'dagster') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_forecaster_imports_no_training_code() -> None:
    code = (
        "import sys, pipelines.models.forecaster; "
        "print(sorted(m for m in sys.modules if m.startswith('pipelines.models.')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = {"forecaster", "golden", "inputs", "probabilities"}
    assert found.stdout.strip() == str(sorted(f"pipelines.models.{name}" for name in names))
