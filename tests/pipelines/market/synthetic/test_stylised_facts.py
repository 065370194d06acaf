"""Laws of the look of the market: fat tails, clustered volatility and flow, seasons, bursts, spread."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from pipelines.market.synthetic import SyntheticConfig, candles, order_book, trades
from pipelines.market.synthetic.events import trade_counts
from pipelines.market.synthetic.skeleton import DAYS, START, skeleton

Array = NDArray[np.float64]
CONFIG = SyntheticConfig()
DAY = date(2026, 1, 1)


@pytest.fixture(scope="module")
def returns() -> Array:
    """One-minute log returns of 60 days, shape (60, 1440)."""
    close = candles(CONFIG, "ETH-USD", DAY, DAY + timedelta(60))["close"].log().to_numpy()
    return np.asarray(np.diff(close, prepend=close[0]).reshape(60, 1_440))


@pytest.fixture(scope="module")
def day_of_trades() -> pl.DataFrame:
    return trades(SyntheticConfig(trades_per_day=200_000), "BTC-USD", DAY)


def autocorrelation(x: Array, lag: int) -> float:
    return float(np.corrcoef(x[lag:], x[:-lag])[0, 1])


def test_minute_returns_have_fat_tails(returns: Array) -> None:
    r = returns.ravel()
    assert (r**4).mean() / (r**2).mean() ** 2 > 4.5


def test_volatility_clusters(returns: Array) -> None:
    size = np.abs(returns).ravel()
    for lag in (1, 30):
        assert autocorrelation(size, lag) > 0.05
    within = size / np.tile(np.abs(returns).mean(axis=0), 60)  # not the season's doing
    assert autocorrelation(within, 5) > 0.05


def test_volatility_has_a_daily_season(returns: Array) -> None:
    by_hour = (returns**2).mean(axis=0).reshape(24, 60).mean(axis=1)
    assert by_hour[13:17].mean() > 1.5 * by_hour[2:6].mean()


def test_annual_volatility_is_the_one_asked_for() -> None:
    for volatility in (0.2, 0.8):
        bones = skeleton(SyntheticConfig(annual_volatility=volatility), "BTC-USD")
        daily = np.diff(bones.log_open)
        assert np.sqrt((daily**2).mean() * 365) == pytest.approx(volatility, rel=0.06)
        assert bones.activity.mean() == pytest.approx(1, abs=0.05)


def test_counts_have_the_mean_asked_for_and_burst() -> None:
    days = range(START + 3, START + DAYS, 30)
    counts = np.stack([trade_counts(CONFIG, "BTC-USD", d) for d in days])
    assert counts.sum(axis=1).mean() == pytest.approx(10_000, rel=0.03)
    assert counts.var() > 3 * counts.mean()  # a Poisson process would have 1
    assert 0.01 < (counts == 0).mean() < 0.15


def test_busy_minutes_are_volatile_minutes(returns: Array) -> None:
    counts = np.concatenate([trade_counts(CONFIG, "ETH-USD", 20_454 + d) for d in range(60)])
    assert np.corrcoef(counts, np.abs(returns).ravel())[0, 1] > 0.15


def test_instants_cluster_within_minutes(day_of_trades: pl.DataFrame) -> None:
    gap = day_of_trades["time"].diff().dt.total_microseconds().drop_nulls().to_numpy()
    assert gap.std() / gap.mean() > 1.3  # a Poisson process would have 1


def test_flow_clusters_and_goes_with_the_price(day_of_trades: pl.DataFrame) -> None:
    side = day_of_trades["side"].to_numpy().astype(float)
    assert abs(side.mean()) < 0.2
    assert autocorrelation(side, 1) > autocorrelation(side, 10) > 0.02
    step = np.diff(day_of_trades["price"].log().to_numpy())
    assert np.corrcoef(side[1:], step)[0, 1] > 0.1


def test_sizes_have_a_fat_tail(day_of_trades: pl.DataFrame) -> None:
    notional = (day_of_trades["amount"] * day_of_trades["price"]).to_numpy()
    assert 700 < np.median(notional) < 1_700
    assert np.quantile(notional, 0.999) > 20 * np.median(notional)


@pytest.mark.parametrize("half_spread_bps", [0.3, 0.5, 1.0])
def test_aggressors_pay_about_the_spread(half_spread_bps: float) -> None:
    config = SyntheticConfig(half_spread_bps=half_spread_bps, edge=0.0)
    paid, quoted = [], []
    for day in (DAY + timedelta(d) for d in range(5)):
        book = order_book(config, "BTC-USD", day)
        mid = (pl.col("bid_price_1") + pl.col("ask_price_1")) / 2
        quoted.append(
            (1e4 * (book["ask_price_1"] - book["bid_price_1"]) / book.select(mid).to_series()).mean()
        )
        before = book.select("time", mid.alias("mid"))
        near = (
            trades(config, "BTC-USD", day)
            .join_asof(before, on="time", allow_exact_matches=False)
            .drop_nulls()
        )
        paid.append((2e4 * near["side"] * (near["price"] / near["mid"] - 1)).mean())
    assert np.mean(quoted) == pytest.approx(2 * half_spread_bps, rel=0.05)
    assert np.mean(paid) == pytest.approx(2 * half_spread_bps, rel=0.3)


def test_the_seeds_are_pinned() -> None:
    """Golden, recorded: a change here changes every synthetic table that anyone ever stored."""
    table = trades(CONFIG, "BTC-USD", DAY).head(3)
    assert table["time"].dt.epoch("us").to_list() == [1767225603916524, 1767225653504701, 1767225656046085]
    assert table.select("id", "side", "price", "amount").rows() == [
        (2045400000000, -1, 59931.53, 0.00417987),
        (2045400000001, -1, 59905.34, 0.0272429),
        (2045400000002, 1, 59909.41, 0.02241281),
    ]
