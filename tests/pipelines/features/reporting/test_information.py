"""Importance: at its entropy for the label itself, at the floor for what has nothing to do with it."""

import numpy as np
import pytest

from pipelines.features.reporting.information import (
    FEWEST,
    SHIFTS,
    Importance,
    entropy,
    importance,
    information,
    shifts,
)

ROWS, HORIZON = 6_000, 60


def overlapping(rng: np.random.Generator, rows: int = ROWS) -> np.ndarray:
    """Classes of the sign of the next HORIZON steps of a random walk: neighbours share all but one step."""
    walk = np.concatenate([[0.0], np.cumsum(rng.normal(size=rows + HORIZON))])
    ahead = walk[HORIZON : HORIZON + rows] - walk[:rows]
    return np.digitize(ahead, np.quantile(ahead, [1 / 3, 2 / 3]))


def of(values: np.ndarray, labels: np.ndarray) -> Importance:
    found = importance(values, labels)
    assert found is not None
    return found


def test_entropy_and_information_by_hand() -> None:
    """Three equal classes: log2 3. Independent table: 0. A 2 × 2 table of 3, 1, 1, 3: 1 − H(1/4) = 0.188722."""
    assert entropy(np.array([5, 5, 5, 0])) == pytest.approx(np.log2(3))
    assert information(np.array([[2, 4], [4, 8]])) == pytest.approx(0.0, abs=1e-12)
    assert information(np.array([[3, 1], [1, 3]])) == pytest.approx(0.188722, abs=1e-6)


def test_the_label_itself_says_its_entropy() -> None:
    labels = overlapping(np.random.default_rng(1))
    found = of(labels.astype(float), labels)
    assert found.bits == pytest.approx(entropy(np.bincount(labels)), abs=1e-12)
    assert found.bits == pytest.approx(np.log2(3), abs=1e-3)
    assert found.above


def test_a_constant_says_nothing() -> None:
    labels = overlapping(np.random.default_rng(2))
    assert of(np.zeros(ROWS), labels) == Importance(0.0, 0.0)


def test_independent_columns_are_at_the_floor_though_they_and_the_labels_are_slow() -> None:
    """One in a hundred is expected above its floor: of 60, more than four have a probability below 0.04 %.

    A floor of shuffled labels would be passed by nearly all: shuffling makes neighbours unlike, which they are not.
    """
    above = shuffled_above = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        labels, slow = overlapping(rng), np.cumsum(rng.normal(size=ROWS))
        slow = slow - np.convolve(slow, np.ones(500) / 500, "same")  # a moving average's distance
        found = of(slow, labels)
        above += found.above
        shuffled_above += found.bits > max(of(slow, rng.permutation(labels)).bits for _ in range(3))
    assert above <= 4
    assert shuffled_above > 50


def test_a_weak_relation_is_above_the_floor() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, ROWS)
    found = of(labels + rng.normal(0, 4.0, ROWS), labels)
    assert 0.01 < found.bits < 0.1
    assert found.above


def test_unknown_values_are_left_out() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, ROWS)
    values = labels.astype(float)
    values[::3] = np.nan
    known = labels[~np.isnan(values)]
    assert of(values, labels).bits == pytest.approx(entropy(np.bincount(known)), abs=1e-12)


def test_too_few_known_values_say_nothing() -> None:
    labels = np.arange(ROWS) % 3
    values = np.full(ROWS, np.nan)
    values[: FEWEST - 1] = 1.0
    assert importance(values, labels) is None
    values[:FEWEST] = 1.0
    assert importance(values, labels) is not None


def test_shifts_are_many_and_far_in_both_directions() -> None:
    found = shifts(ROWS)
    assert len(set(found)) == SHIFTS
    assert min(found) == ROWS // 10
    assert max(found) == ROWS - ROWS // 10
