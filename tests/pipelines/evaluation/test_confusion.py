"""Classification measures against scikit-learn, and their chance values."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from pipelines.evaluation.confusion import (
    accuracy,
    balanced_accuracy,
    counts_by_time,
    do_nothing_accuracy,
    matthews,
)


def rows(label: np.ndarray, forecast: np.ndarray, per_time: int = 1) -> pl.DataFrame:
    times = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=k // per_time) for k in range(label.size)]
    hot = np.eye(3)[forecast]
    table = {f"p_{n}": hot[:, k] for k, n in enumerate(("down", "neutral", "up"))}
    return pl.DataFrame({"open_time": times, "label": label, **table}).with_columns(
        clim_down=pl.lit(0.5), clim_neutral=pl.lit(0.3), clim_up=pl.lit(0.2)
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_measures_equal_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    label, forecast = np.r_[0, 1, 2, random.integers(0, 3, 60)], random.integers(0, 3, 63)
    total = counts_by_time(rows(label, forecast, per_time=3)).sum(axis=0)
    assert accuracy(total) == pytest.approx(metrics.accuracy_score(label, forecast))
    assert balanced_accuracy(total) == pytest.approx(metrics.balanced_accuracy_score(label, forecast))
    assert matthews(total) == pytest.approx(metrics.matthews_corrcoef(label, forecast), abs=1e-12)


@pytest.mark.parametrize("constant", [0, 1, 2])
def test_a_constant_is_worth_exactly_chance(constant: int) -> None:
    label = np.array([0, 1, 1, 1, 1, 2])
    total = counts_by_time(rows(label, np.full(6, constant))).sum(axis=0)
    assert balanced_accuracy(total) == pytest.approx(1 / 3)
    assert matthews(total) == 0


def test_doing_nothing_is_the_better_of_both_majorities() -> None:
    label = np.array([0, 1, 1, 1, 2])  # training says DOWN (20 % right), the outcomes say NEUTRAL (60 %)
    assert do_nothing_accuracy(rows(label, label)) == pytest.approx(0.6)


def test_counts_keep_time_order() -> None:
    counts = counts_by_time(rows(np.array([0, 0, 2, 1]), np.array([0, 1, 2, 1]), per_time=2))
    assert counts[0].tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert counts[1].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 1]
