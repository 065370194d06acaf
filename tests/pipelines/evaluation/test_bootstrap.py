"""Block resampling: laws of the sums, agreement with Newey-West, and speed."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.evaluation.bootstrap import block_length, block_sums, ratio_bounds, resampled_totals
from pipelines.evaluation.confusion import balanced_accuracy
from pipelines.evaluation.inference import mean_bounds


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 50), st.data())
def test_block_sums_wrap_round(size: int, data: st.DataObject) -> None:
    block = data.draw(st.integers(1, size))
    rows = np.random.default_rng(size).standard_normal((size, 2))
    plain = [sum(rows[(t + k) % size] for k in range(block)) for t in range(size)]
    np.testing.assert_allclose(block_sums(rows, block), plain, atol=1e-12)


def test_a_resample_has_whole_blocks_and_a_seed() -> None:
    ones = np.ones((100, 1))
    totals = resampled_totals(ones, 7, 50, seed=3)
    assert set(totals.ravel()) == {15 * 7.0}
    rows = np.random.default_rng(0).standard_normal((100, 1))
    same = [resampled_totals(rows, 7, 50, seed=3) for _ in range(2)]
    assert np.array_equal(*same)
    assert not np.array_equal(same[0], resampled_totals(rows, 7, 50, seed=4))


def test_blocks_cover_the_overlap() -> None:
    assert block_length(100_000, 12) == 46  # cube root
    assert block_length(100_000, 60) == 120
    assert block_length(50, 60) == 50


def test_bootstrap_and_newey_west_agree_on_a_mean() -> None:
    noise = np.random.default_rng(1).standard_normal(20_012)
    series = np.convolve(noise, np.ones(12), "valid")
    rows = np.column_stack([series, np.ones(series.size)])
    block = ratio_bounds(rows, lambda total: total[..., 0] / total[..., 1], 60, 0.95, 2000, 0)
    exact = mean_bounds(series, 48, 0.95)
    assert block.value == pytest.approx(exact.value)
    assert block.upper - block.lower == pytest.approx(exact.upper - exact.lower, rel=0.1)


def test_a_hundred_thousand_bars_take_seconds() -> None:
    hot = np.eye(9)[np.random.default_rng(0).integers(0, 9, 100_000)]
    begun = time.perf_counter()
    ratio_bounds(hot, balanced_accuracy, block_length(100_000, 1), 0.95, 1000, 0)
    assert time.perf_counter() - begun < 8
