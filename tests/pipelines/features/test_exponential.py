"""Exponential averages of a window: the recursion's values within FEATURES.md's tolerance, and nothing older."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.features.exponential import again, fading, fading_sum, keep_of

ROWS = 900


def recursion(values: np.ndarray, span: int) -> np.ndarray:
    """ema_t = ema_{t−1} + α·(C_t − ema_{t−1}), starting at the first value."""
    out, alpha = values.copy(), 2.0 / (span + 1)
    for row in range(1, len(values)):
        out[row] = out[row - 1] + alpha * (values[row] - out[row - 1])
    return out


def walk(seed: int, scale: float = 100.0) -> np.ndarray:
    return scale * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 3e-3, ROWS)))


def moves(values: np.ndarray) -> np.ndarray:
    return np.diff(values, prepend=values[:1])


@pytest.mark.parametrize("span", [9, 12, 20, 26])
def test_it_is_the_recursion_within_a_billionth_of_the_price(span: int) -> None:
    prices = walk(span)
    ours = prices - fading(moves(prices), span, 276).behind
    assert (np.abs(ours - recursion(prices, span))[275:] <= 1e-9 * prices[275:]).all()


@pytest.mark.parametrize("span", [9, 12, 26])
def test_the_first_full_window_is_the_recursion_that_starts_with_it(span: int) -> None:
    prices = walk(span + 100)
    ours = prices - fading(moves(prices), span, 276).behind
    for row in (275, 400, 899):
        alone = recursion(prices[row - 275 : row + 1], span)[-1]
        assert ours[row] == pytest.approx(alone, rel=1e-14)


def test_an_average_of_a_difference_of_averages() -> None:
    prices = walk(5)
    slow, fast, second = (fading(moves(prices), span, 276) for span in (26, 12, 9))
    ours = again(slow, fast, second)
    alone = [recursion(recursion(prices[600:876], span), 9)[-1] for span in (12, 26)]
    assert ours[875] == pytest.approx(alone[0] - alone[1], abs=1e-13 * prices[875])


def test_a_still_price_is_its_own_average_exactly() -> None:
    still = np.full(300, 0.1 + 0.2)
    assert (fading(moves(still), 26, 276).behind == 0.0).all()


def test_a_power_of_two_goes_through_to_the_last_bit() -> None:
    prices = walk(6)
    for span in (9, 26):
        scaled = fading(moves(prices * 1024), span, 276).behind
        assert np.array_equal(scaled, 1024 * fading(moves(prices), span, 276).behind)


@given(rows=st.integers(1, 300), span=st.integers(2, 60), seed=st.integers(0, 99))
def test_any_window_is_its_definition_and_forgets_the_rest(rows: int, span: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=400)
    keep = keep_of(span)
    ours = fading_sum(values, keep, rows)
    naive = sum(keep**k * values[399 - k] for k in range(rows))
    assert ours[399] == pytest.approx(naive, rel=1e-12, abs=1e-12)
    other = values.copy()
    other[: 400 - rows] = 1e9
    assert fading_sum(other, keep, rows)[399] == ours[399]
