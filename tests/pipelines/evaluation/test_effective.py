"""Effective labels: equal to the sum of uniqueness by its definition, and to the known special cases."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.evaluation.effective import effective_labels

MINUTE = timedelta(minutes=1)


def times(bars: list[int]) -> pl.Series:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return pl.Series([start + k * MINUTE for k in bars], dtype=pl.Datetime("us", "UTC"))


@given(st.sets(st.integers(0, 60), min_size=1), st.integers(1, 12))
def test_equals_the_sum_of_uniqueness(bars: set[int], horizon: int) -> None:
    lives = [range(t + 1, t + 2 + horizon) for t in bars]
    shared = {bar: sum(bar in life for life in lives) for life in lives for bar in life}
    plain = sum(sum(1 / shared[bar] for bar in life) / len(life) for life in lives)
    assert effective_labels(times(sorted(bars)), MINUTE, horizon) == pytest.approx(plain)


def test_every_bar_and_apart() -> None:
    assert effective_labels(times(list(range(1300))), MINUTE, 12) == pytest.approx(1300 / 13, rel=0.01)
    assert effective_labels(times(list(range(0, 130, 13))), MINUTE, 12) == 10
    assert effective_labels(times([]), MINUTE, 12) == 0


def test_symbols_together_count_once() -> None:
    assert effective_labels(times([0, 0, 0, 5]), MINUTE, 1) == 2
