"""Windows: their definition within rounding, their own rows alone to the last bit, powers of two exactly."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.features.rolling import (
    TILE,
    change,
    flat,
    lag,
    ratio,
    relative_change,
    window_mean,
    window_slope,
    window_std,
    window_sum,
)

Window = Callable[[np.ndarray, int], np.ndarray]
WINDOWS: dict[str, tuple[Window, Callable[[np.ndarray], float]]] = {
    "sum": (window_sum, np.sum),
    "mean": (window_mean, np.mean),
    "std": (window_std, lambda rows: np.std(rows, ddof=1)),
    "slope": (window_slope, lambda rows: np.polyfit(np.arange(len(rows)), rows, 1)[0]),
    "flat": (flat, lambda rows: float(np.ptp(rows) == 0.0)),
}
LONG = 2 * TILE + 700


def walk(rows: int, seed: int) -> np.ndarray:
    """Prices that stand still now and then."""
    rng = np.random.default_rng(seed)
    moves = rng.normal(0, 1e-3, rows) * (np.arange(rows) // 40 % 3 > 0)
    return 100.0 * np.exp(np.cumsum(moves))


@pytest.mark.parametrize("name", WINDOWS)
@given(rows=st.integers(2, 290), seed=st.integers(0, 99), extra=st.integers(0, 40))
@settings(max_examples=40)
def test_a_window_is_its_definition(name: str, rows: int, seed: int, extra: int) -> None:
    ours, definition = WINDOWS[name]
    values = walk(rows + extra, seed)
    for end in {rows, rows + extra}:
        expected = definition(values[end - rows : end])
        assert ours(values, rows)[end - 1] == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", WINDOWS)
@given(rows=st.integers(2, 290), start=st.integers(1, LONG - 300), seed=st.integers(0, 9))
@settings(max_examples=40)
def test_a_window_has_the_same_bits_wherever_the_column_begins(
    name: str, rows: int, start: int, seed: int
) -> None:
    """Tiles begin elsewhere then; what lies before a window is another market."""
    ours, _ = WINDOWS[name]
    values = walk(LONG, seed)
    other = values.copy()
    other[:start] = 1e9
    whole, late = ours(values, rows), ours(values[start:].copy(), rows)
    first = start + rows - 1
    assert np.array_equal(whole[first:].view(np.uint64), late[rows - 1 :].view(np.uint64))
    assert np.array_equal(whole[first:].view(np.uint64), ours(other, rows)[first:].view(np.uint64))


@pytest.mark.parametrize("name", ["sum", "mean", "std", "slope"])
def test_a_power_of_two_goes_through_to_the_last_bit(name: str) -> None:
    ours, _ = WINDOWS[name]
    values = walk(LONG, 5)
    for rows in (7, 14, 20, 50, 60):
        assert np.array_equal(ours(values * 1024, rows)[rows:], 1024 * ours(values, rows)[rows:])


@pytest.mark.parametrize("rows", [1, 2, 3, 20])
def test_a_column_shorter_than_its_window_has_a_row_for_each_of_its_own(rows: int) -> None:
    for ours, _ in WINDOWS.values():
        assert ours(walk(rows, 1), 50).shape == (rows,)
    assert lag(walk(rows, 1), 50).shape == (rows,)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_does_not_stand_still(odd: float) -> None:
    """Its maximum minus its minimum is not 0."""
    assert (flat(np.full(30, odd), 5)[4:] == 0.0).all()


def test_no_row_is_no_error_and_no_window_is_one() -> None:
    assert lag(np.empty(0), 1).size == change(np.empty(0)).size == relative_change(np.empty(0)).size == 0
    with pytest.raises(ValueError, match="at least one row"):
        window_sum(np.ones(5), 0)
    with pytest.raises(ValueError, match="one length"):
        ratio(np.ones(5), np.ones(4), 0.0)
