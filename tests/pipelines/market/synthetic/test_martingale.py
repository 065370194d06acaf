"""Laws at edge 0: nothing known tells the direction of what comes; the tests see an edge."""

from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from pipelines.market.synthetic import SyntheticConfig, candles, forecast, order_book, trades
from pipelines.market.synthetic.minutes import increments, variances

Array = NDArray[np.float64]
DAY = date(2026, 1, 1)
DAYS = 40
SEEDS = (0, 1, 2)


def variance_ratio_z(r: Array, q: int) -> float:
    """Lo & MacKinlay (1988) z of VR(q), overlapping, robust to heteroskedasticity (their eq. 12-20)."""
    r = r - r.mean()
    total = (r**2).sum()
    sums = np.cumsum(np.concatenate(([0.0], r)))
    long = sums[q:] - sums[:-q]
    ratio = (long**2).sum() / (q * (r.size - q + 1) * (1 - q / r.size)) / (total / r.size)
    delta = [(r[j:] ** 2 * r[:-j] ** 2).sum() / total**2 for j in range(1, q)]
    theta = sum((2 * (q - j) / q) ** 2 * d for j, d in enumerate(delta, start=1))
    return float((ratio - 1) / np.sqrt(theta))


def robust_t(x: Array, y: Array) -> float:
    """White's t of the slope of y on x without intercept: sum(xy)/sqrt(sum(x^2 y^2))."""
    return float((x * y).sum() / np.sqrt((x * x * y * y).sum()))


@lru_cache
def closes(seed: int, edge: float) -> Array:
    table = candles(SyntheticConfig(seed=seed, edge=edge), "BTC-USD", DAY, DAY + timedelta(DAYS))
    return np.asarray(np.log(table["close"].to_numpy()))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("q", [2, 5, 15, 30, 60])
def test_variance_ratios_of_closes_are_inside_their_band(seed: int, q: int) -> None:
    assert abs(variance_ratio_z(np.diff(closes(seed, 0.0)), q)) < 2.6


@pytest.mark.parametrize("seed", SEEDS)
def test_variance_ratios_see_a_planted_edge(seed: int) -> None:
    assert variance_ratio_z(np.diff(closes(seed, 0.2)), 60) > 5


def test_forecast_is_zero_and_past_returns_tell_nothing() -> None:
    for seed in SEEDS:
        oracle = forecast(SyntheticConfig(seed=seed, edge=0.0), "BTC-USD", DAY, DAY + timedelta(2))
        assert (oracle["forecast"] == 0.0).all()
        r = np.diff(closes(seed, 0.0))
        trend = pl.Series(r).ewm_mean(half_life=35, adjust=False).to_numpy()
        assert abs(robust_t(trend[:-1], r[1:])) < 3


@pytest.mark.parametrize("seed", SEEDS)
def test_sides_and_prices_tell_nothing_about_the_next_trade(seed: int) -> None:
    config = SyntheticConfig(seed=seed, edge=0.0, trades_per_day=300_000, book_per_day=1_440)
    table = trades(config, "BTC-USD", DAY)
    step = np.diff(np.log(table["price"].to_numpy()))
    side = table["side"].to_numpy().astype(float)
    assert abs(robust_t(step[:-1], step[1:])) < 3  # no bid-ask bounce
    assert abs(robust_t(side[1:-1], step[1:])) < 3
    assert robust_t(side[1:], step) > 50  # while a trade's own step does go with its side


@pytest.mark.parametrize("seed", SEEDS)
def test_the_book_tells_nothing_about_the_next_hour(seed: int) -> None:
    config = SyntheticConfig(seed=seed, edge=0.0)
    books = pl.concat([order_book(config, "BTC-USD", DAY + timedelta(d)) for d in range(20)])
    bid, ask = pl.col("bid_amount_1"), pl.col("ask_amount_1")
    lean = books.group_by_dynamic("time", every="1h").agg(((bid - ask) / (bid + ask)).last())
    hourly = np.diff(closes(seed, 0.0)[: 20 * 1_440][59::60])  # hour h+1 after the book's last word in hour h
    assert abs(robust_t(lean.to_series(1).to_numpy()[:-1], hourly)) < 3


@pytest.mark.parametrize("seed", SEEDS)
def test_book_and_flow_tell_nothing_about_the_rest_of_their_minute(seed: int) -> None:
    config = SyntheticConfig(seed=seed, edge=0.0)
    by_book, by_side = [], []
    for day in (DAY + timedelta(d) for d in range(1, 21)):
        path = forecast(config, "BTC-USD", day - timedelta(1), day + timedelta(1))["log_price"].to_numpy()[
            1_439:
        ]
        first = order_book(config, "BTC-USD", day).group_by_dynamic("time", every="1m").agg(pl.all().first())
        bid, ask = first["bid_amount_1"].to_numpy(), first["ask_amount_1"].to_numpy()
        by_book.append((bid - ask) / (bid + ask) * np.diff(path))
        trade = trades(config, "BTC-USD", day).group_by_dynamic("time", every="1m").agg(pl.all().first())
        minute = trade["time"].dt.hour().cast(int) * 60 + trade["time"].dt.minute()
        by_side.append(
            trade["side"].to_numpy() * (path[minute.to_numpy() + 1] - np.log(trade["price"].to_numpy()))
        )
    for products in (np.concatenate(by_book), np.concatenate(by_side)):
        assert abs(robust_t(np.ones(products.size), products)) < 3


@pytest.fixture(scope="module")
def year() -> tuple[Array, Array]:
    """Increments and variances of M over 1500 days, each (1500, 1440)."""
    config, days = SyntheticConfig(seed=3), range(19_000, 20_500)
    return (
        np.stack([increments(config, "BTC-USD", d) for d in days]),
        np.stack([variances(config, "BTC-USD", d) for d in days]),
    )


def test_bridged_increments_are_independent_normals(year: tuple[Array, Array]) -> None:
    z = year[0] / np.sqrt(year[1])
    n = z.size
    assert z.var() == pytest.approx(1, abs=4 * np.sqrt(2 / n))
    assert (z**4).mean() == pytest.approx(3, abs=4 * np.sqrt(96 / n))
    for lag in (1, 60, 720):
        assert abs((z[:, lag:] * z[:, :-lag]).mean()) < 4 / np.sqrt(z[:, lag:].size)


@pytest.mark.parametrize("hour", [1, 6, 12, 23])
def test_a_day_so_far_does_not_tell_its_rest(year: tuple[Array, Array], hour: int) -> None:
    r = year[0]
    assert abs(robust_t(r[:, : 60 * hour].sum(axis=1), r[:, 60 * hour :].sum(axis=1))) < 3


def test_days_do_not_tell_the_next_day(year: tuple[Array, Array]) -> None:
    daily = year[0].sum(axis=1)
    for lag in (1, 2, 7):
        assert abs(robust_t(daily[:-lag], daily[lag:])) < 3
        assert abs(robust_t(daily[:-lag], year[0][lag:, :60].sum(axis=1))) < 3
