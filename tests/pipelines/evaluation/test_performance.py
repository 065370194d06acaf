"""Sharpe-family formulas against the published table, and the account's figures worked by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import inf, isnan, sqrt

import numpy as np
import polars as pl
import pytest

from pipelines.errors import BadData
from pipelines.evaluation.performance import (
    Sharpe,
    TradingHistory,
    daily_returns,
    max_drawdown,
    mean_return_bounds,
    minimum_track,
    probabilistic_sharpe,
    profit_factor,
    sharpe,
)

START = datetime(2024, 1, 1, tzinfo=UTC)


def history(equity: list[float], profit: Sequence[float] = (), fee: Sequence[float] = ()) -> TradingHistory:
    times = [START + timedelta(hours=12 * k) for k in range(len(equity))]
    trades = pl.DataFrame({"time": [START] * len(profit), "profit": profit, "fee": fee})
    return TradingHistory(pl.DataFrame({"time": times, "equity": equity}), trades, 100.0)


@pytest.mark.parametrize(
    ("annual", "normal", "heavy"), [(0.5, 10.8, 11.1), (1, 2.7, 2.9), (2, 0.68, 0.77), (3, 0.31, 0.37)]
)
def test_minimum_track_is_the_published_one(annual: float, normal: float, heavy: float) -> None:
    daily = annual / sqrt(365)
    assert minimum_track(Sharpe(daily, 0, 3, 100)) / 365 == pytest.approx(normal, rel=0.03)
    assert minimum_track(Sharpe(daily, -1, 10, 100)) / 365 == pytest.approx(heavy, rel=0.03)


def test_track_and_probability_say_the_same() -> None:
    for ratio, skew, kurtosis in [(0.05, 0, 3), (0.2, -1, 10), (0.6, 0.5, 5)]:
        needed = minimum_track(Sharpe(ratio, skew, kurtosis, 0))
        exactly = Sharpe(ratio, skew, kurtosis, needed)  # type: ignore[arg-type]  # the formula takes any length
        assert probabilistic_sharpe(exactly) == pytest.approx(0.95)
    assert minimum_track(Sharpe(0.0, 0, 3, 50)) == inf
    assert minimum_track(Sharpe(-0.1, 0, 3, 50)) == inf


def test_kurtosis_is_raw() -> None:
    measured = sharpe(np.random.default_rng(0).standard_normal(200_000) * 0.01)
    assert measured.kurtosis == pytest.approx(3, abs=0.05)
    assert sharpe(np.zeros(30)) == Sharpe(0.0, 0.0, 3.0, 30)


def test_daily_returns_by_hand() -> None:
    daily = daily_returns(history([101.0, 110.0, 100.0, 99.0]))
    assert daily["net"].to_list() == pytest.approx([0.10, -0.10])


def test_a_ruined_account_stays_ruined() -> None:
    daily = daily_returns(history([100.0, 50.0, 20.0, -5.0, 10.0, 30.0]))
    assert daily["net"].to_list() == [-0.5, -1.0, 0.0]


def test_drawdown_counts_from_the_capital() -> None:
    assert max_drawdown(history([80.0, 120.0, 60.0, 130.0])) == pytest.approx(0.5)
    assert max_drawdown(history([90.0, 95.0])) == pytest.approx(0.1)


def test_profit_factor_under_stressed_fees() -> None:
    made = history([100.0], profit=[6.0, -3.0, 1.0], fee=[2.0, 2.0, 2.0])
    assert profit_factor(made) == pytest.approx(7 / 3)
    assert profit_factor(made, 1.5) == pytest.approx(5 / 4)  # 5, -4, 0
    assert profit_factor(made, 3.0) == pytest.approx(2 / 10)  # 2, -7, -3
    assert isnan(profit_factor(history([100.0])))
    assert profit_factor(history([100.0], profit=[1.0], fee=[0.0])) == inf


def test_mean_return_rejects_zero_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    lower = [mean_return_bounds(random.standard_t(4, 40) * 0.01, 0.95).lower > 0 for _ in range(1500)]
    assert 0.03 < np.mean(lower) < 0.07


def test_refuses_nonsense() -> None:
    with pytest.raises(BadData, match="no equity"):
        history([])
    with pytest.raises(BadData, match="capital"):
        TradingHistory(history([1.0]).equity, pl.DataFrame(), 0.0)
