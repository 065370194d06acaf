"""Losses and skill: identities, hand-worked values, refusals."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadData
from pipelines.evaluation.forecasts import (
    brier_scores,
    direction_skill,
    directional_losses,
    log_losses,
    losses_by_time,
    matured,
    skill,
)


def frame(
    probabilities: np.ndarray, label: np.ndarray, clim: tuple[float, ...], symbols: int = 1
) -> pl.DataFrame:
    count = label.size // symbols
    times = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=k) for k in range(count)]
    return pl.DataFrame(
        {
            "symbol": [f"S{k}" for k in range(symbols) for _ in range(count)],
            "open_time": times * symbols,
            **{f"p_{name}": probabilities[:, k] for k, name in enumerate(("down", "neutral", "up"))},
            **{f"clim_{name}": [clim[k]] * label.size for k, name in enumerate(("down", "neutral", "up"))},
            "label": pl.Series(label, dtype=pl.Int8),
        }
    )


def drawn(seed: int, size: int = 300) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.dirichlet([2, 2, 2], size), random.integers(0, 3, size)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_three_class_loss_is_moving_loss_plus_directional_loss(seed: int) -> None:
    p, label = drawn(seed)
    move = np.column_stack([p[:, 1], p[:, 0] + p[:, 2]])
    whole = log_losses(p, label)
    np.testing.assert_allclose(
        whole, log_losses(move, (label != 1) * 1) + directional_losses(p, label), atol=1e-9
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.9))
def test_direction_does_not_see_when_it_moves(seed: int, neutral: float) -> None:
    p, label = drawn(seed)
    other = np.column_stack([p[:, 0], np.full(label.size, 0.0), p[:, 2]])
    other = (1 - neutral) * other / other.sum(axis=1, keepdims=True)
    other[:, 1] = neutral
    np.testing.assert_allclose(directional_losses(p, label), directional_losses(other, label), atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.99), st.floats(0.2, 0.8))
def test_no_constant_ever_has_directional_skill(seed: int, constant: float, trained: float) -> None:
    _, label = drawn(seed)
    p = np.tile([(1 - constant) * 0.7, 0.3, constant * 0.7], (label.size, 1))
    rows = matured(frame(p, label, ((1 - trained) * 0.7, 0.3, trained * 0.7), symbols=3))
    assert direction_skill(losses_by_time(rows), "direction", 1, 0.99).value <= 1e-12


def test_climatology_scores_exactly_nothing() -> None:
    _, label = drawn(5)
    clim = (0.3, 0.45, 0.25)
    by_time = losses_by_time(matured(frame(np.tile(clim, (label.size, 1)), label, clim)))
    exact = skill(by_time, "log_loss", "log_loss_clim", 12, 0.99)
    assert (exact.value, exact.lower, exact.upper) == (0, 0, 0)


def test_values_by_hand() -> None:
    p, label = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]), np.array([1, 0])
    assert log_losses(p, label) == pytest.approx([np.log(2), np.log(10)])
    assert brier_scores(p, label) == pytest.approx([0.04 + 0.25 + 0.09, 0.81 + 0.01 + 0.64])
    assert directional_losses(p, label) == pytest.approx([0.0, np.log(9)])


def test_symbols_at_one_time_are_one_observation() -> None:
    p, label = drawn(7, 100)
    once = losses_by_time(matured(frame(p, label, (0.3, 0.4, 0.3))))
    twice = losses_by_time(matured(frame(np.tile(p, (2, 1)), np.tile(label, 2), (0.3, 0.4, 0.3), symbols=2)))
    assert twice.height == 100
    np.testing.assert_allclose(
        once.drop("open_time").to_numpy(), twice.drop("open_time").to_numpy(), atol=1e-12
    )


def test_refusals_say_what_is_wrong() -> None:
    p, label = drawn(1, 10)
    good = frame(p, label, (0.3, 0.4, 0.3))
    with pytest.raises(BadData, match="clim_up"):
        matured(good.drop("clim_up"))
    with pytest.raises(BadData, match="twice"):
        matured(pl.concat([good, good]))
    with pytest.raises(BadData, match="sum to 1"):
        matured(good.with_columns(p_up=pl.col("p_up") + 0.1))
    with pytest.raises(BadData, match="sum to 1"):
        matured(good.with_columns(p_up=pl.lit(float("nan"))))
    assert matured(good.with_columns(label=pl.lit(None, pl.Int8))).is_empty()
