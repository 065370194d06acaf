"""Drift: the PSI by hand, what is not said, and months that are missing."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.features.reporting.drift import DRIFT, MUCH, drift, psi, told

RNG = np.random.default_rng(5)
sample = arrays(float, st.integers(1, 200), elements=st.floats(-10, 10, width=16))


def table(hours: list[datetime], values: np.ndarray) -> pl.DataFrame:
    """A feature table of one column whose encoding is the value itself."""
    times = pl.Series("open_time", hours, pl.Datetime("us", "UTC"))
    return pl.DataFrame([times, pl.Series("rsi_14", values, nan_to_null=True)])


def hours(start: datetime, end: datetime) -> list[datetime]:
    return [start + timedelta(hours=i) for i in range(int((end - start) / timedelta(hours=1)))]


def day(month: int, number: int = 1) -> datetime:
    return datetime(2026, month, number, tzinfo=UTC)


def by_month(found: pl.DataFrame) -> dict[str, float | None]:
    return dict(found.select("month", "psi").iter_rows())


@given(sample, sample)
def test_psi_is_never_negative_and_nothing_for_the_same_sample(a: np.ndarray, b: np.ndarray) -> None:
    assert psi(a, b) >= 0.0
    assert psi(a, a) == 0.0


def test_two_samples_of_one_law_are_at_the_noise() -> None:
    """Expected (10 − 1)·(1/n + 1/m) = 0.0018 for 10,000 rows each; five times that is never seen."""
    assert 0.0 < psi(RNG.normal(size=10_000), RNG.normal(size=10_000)) < 0.009


def test_a_shift_as_computed_by_hand() -> None:
    """1,000 values, 100 a decile; then 150 in the first decile, 50 in the last, 100 in the others.

    With half a row more in each bin: (150.5 − 100.5)/1005·ln(150.5/100.5) + (50.5 − 100.5)/1005·ln(50.5/100.5)
    = 0.0497512·0.403809 + 0.0497512·0.688173 = 0.0543274.
    """
    before = np.arange(1000.0)
    after = np.concatenate([before[:100], before[:50] + 0.5, before[100:950]])
    assert psi(before, after) == pytest.approx(0.0543274, abs=1e-6)


def test_a_rarer_flag_as_computed_by_hand() -> None:
    """950 zeros of 1,000, then 500: own bins for 0, beside it two that stay empty but for their half row.

    Bins (−∞, 0⁻], {0}, (0, ∞): shares of ones 50.5/1001.5 and 500.5/1001.5, of zeros 950.5 and 500.5, of nothing 0.5.
    """
    before, after = (np.where(np.arange(1000) < zeros, 0.0, 1.0) for zeros in (950, 500))
    ones = 450 / 1001.5 * np.log(500.5 / 50.5)
    zeros = -450 / 1001.5 * np.log(500.5 / 950.5)
    assert psi(before, after) == pytest.approx(ones + zeros, abs=1e-12)
    assert psi(before, after) > MUCH


def test_small_samples_say_nothing() -> None:
    """Nine cuts: 9·(1/n + 1/n) ≤ 0.05 from n = 360 on."""
    values = np.arange(400.0)
    assert told(values[:359], values[:359]) is None
    assert told(values[:360], values[:360]) == 0.0
    assert told(values, values[:0]) is None
    assert told(values[:0], values) is None


def test_a_drifted_month_is_found_and_only_it() -> None:
    when = hours(day(1), day(5))
    values = RNG.uniform(20, 80, len(when))
    third = np.array([one.month == 3 for one in when])
    values[third] += 30.0
    found = drift(table(when, values), ["rsi_14"])
    assert found.schema == pl.Schema(DRIFT)
    moved = by_month(found)
    assert list(moved) == ["2026-01", "2026-02", "2026-03", "2026-04"]
    assert moved["2026-01"] is None
    assert (moved["2026-02"] or 1.0) < 0.1
    assert (moved["2026-03"] or 0.0) > MUCH
    assert (moved["2026-04"] or 0.0) > MUCH  # back again is a drift against March


def test_nothing_is_said_across_a_missing_month_or_a_year() -> None:
    when = hours(day(1), day(2)) + hours(day(3), day(4))
    assert set(by_month(drift(table(when, np.arange(float(len(when)))), ["rsi_14"])).values()) == {None}
    january = [one.replace(year=2027) for one in hours(day(1), day(2))]
    when = hours(day(1), day(2)) + january
    assert set(by_month(drift(table(when, np.arange(float(len(when)))), ["rsi_14"])).values()) == {None}


def test_december_is_the_month_before_january() -> None:
    when = hours(day(12), datetime(2027, 2, 1, tzinfo=UTC))
    assert by_month(drift(table(when, RNG.normal(size=len(when))), ["rsi_14"]))["2027-01"] is not None


def test_a_month_of_less_than_a_week_counts_as_missing() -> None:
    """Six days of minutes are rows enough, but not every weekday."""
    minutes = [day(3) + timedelta(minutes=i) for i in range(6 * 1440)]
    for when in (
        hours(day(2), day(3)) + minutes,
        [one - timedelta(days=28) for one in minutes] + hours(day(3), day(4)),
    ):
        found = by_month(drift(table(when, RNG.normal(size=len(when))), ["rsi_14"]))
        assert found == {"2026-02": None, "2026-03": None}


def test_nulls_are_counted_by_month_and_never_compared() -> None:
    when = hours(day(1), day(3))
    values = RNG.normal(size=len(when))
    february = np.array([one.month == 2 for one in when])
    values[february & (np.arange(len(when)) % 4 == 0)] = np.nan
    found = drift(table(when, values), ["rsi_14"])
    assert found["nulls"].to_list() == [0.0, 0.25]
    assert (found["psi"][1] or 1.0) < 0.1
