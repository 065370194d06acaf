"""Laws of the planted edge: the oracle has the correlation asked for; plain observables reach most."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from pipelines.market.synthetic import SyntheticConfig, candles, forecast, order_book, trades
from pipelines.market.synthetic.under_reaction import PHI, theta

Array = NDArray[np.float64]
DAY = date(2026, 1, 1)
DAYS = 60
HALF = DAYS * 720


def correlation(x: Array, y: Array) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def oracle_correlation(seed: int, edge: float, days: int) -> float:
    oracle = forecast(SyntheticConfig(seed=seed, edge=edge), "BTC-USD", DAY, DAY + timedelta(days))
    p = oracle["log_price"].to_numpy()
    return correlation(oracle["forecast"].to_numpy()[:-60], p[60:] - p[:-60])


@pytest.mark.parametrize("edge", [0.1, 0.2, 0.4, 0.7])
def test_the_oracle_has_the_edge_asked_for(edge: float) -> None:
    found = np.array([oracle_correlation(seed, edge, 120) for seed in range(8)])
    error = found.std(ddof=1) / np.sqrt(found.size)
    assert error < 0.01
    assert abs(found.mean() - edge) < 2 * error


def test_theta_by_hand() -> None:
    """corr(theta) recomputed from the moving-average weights of p, one by one."""
    assert theta(0.0) == 0.0
    for edge in (0.05, 0.2, 0.5, 0.7):
        t = theta(edge)
        assert 0 < t < 1
        known = sum((t * PHI**k * (1 - PHI**60)) ** 2 for k in range(20_000))  # news before now
        coming = sum((1 - t * PHI ** (60 - j)) ** 2 for j in range(1, 61))  # news in the next 60 minutes
        assert np.sqrt(known / (known + coming)) == pytest.approx(edge, rel=1e-9)


@dataclass(frozen=True)
class Sample:
    """Aligned by minute: oracle, observables and the realised 60-minute return of candle closes."""

    oracle: Array
    v4: Array
    book: Array
    flow: Array
    y: Array


def imbalance(levels: int) -> pl.Expr:
    bid = pl.sum_horizontal(f"bid_amount_{level + 1}" for level in range(levels))
    ask = pl.sum_horizontal(f"ask_amount_{level + 1}" for level in range(levels))
    return ((bid - ask) / (bid + ask)).mean().alias(f"imbalance_{levels}")


@pytest.fixture(scope="module", params=[0, 1])
def sample(request: pytest.FixtureRequest) -> Sample:
    config, days = SyntheticConfig(seed=request.param), [DAY + timedelta(d) for d in range(DAYS)]
    end = DAY + timedelta(DAYS)
    close = np.log(candles(config, "BTC-USD", DAY, end)["close"].to_numpy())
    r = pl.Series(np.diff(close, prepend=close[0]))
    books, flows = [], []
    net = (pl.col("side") * pl.col("amount")).sum() / pl.col("amount").sum()
    for day in days:
        every_minute = order_book(config, "BTC-USD", day).group_by_dynamic("time", every="1m")
        books.append(every_minute.agg(imbalance(1), imbalance(5), imbalance(10)).drop("time"))
        flows.append(
            trades(config, "BTC-USD", day).group_by_dynamic("time", every="1m").agg(net.alias("net"))
        )
    grid = forecast(config, "BTC-USD", DAY, end)
    flow = grid.join(pl.concat(flows), left_on="open_time", right_on="time", how="left")["net"].fill_null(0.0)
    return Sample(
        oracle=grid["forecast"].to_numpy()[:-60],
        v4=np.stack([r.ewm_mean(half_life=h, adjust=False).to_numpy() for h in (10, 40, 120)], axis=1)[:-60],
        book=pl.concat(books).to_numpy()[:-60],
        flow=flow.to_numpy()[:-60],
        y=close[60:] - close[:-60],
    )


def out_of_sample(X: Array, sample: Sample) -> float:
    """Correlation in the second half of the least-squares forecast fitted on the first (an hour's purge)."""
    design = np.column_stack((np.ones(len(X)), X))
    fit = np.linalg.lstsq(design[: HALF - 60], sample.y[: HALF - 60], rcond=None)[0]
    return correlation((design @ fit)[HALF:], sample.y[HALF:])


def test_least_squares_on_past_returns_attains_most_of_it(sample: Sample) -> None:
    assert out_of_sample(sample.v4, sample) > 0.8 * correlation(sample.oracle[HALF:], sample.y[HALF:])


def test_least_squares_on_the_book_attains_most_of_it(sample: Sample) -> None:
    assert out_of_sample(sample.book, sample) > 0.6 * correlation(sample.oracle[HALF:], sample.y[HALF:])


def test_each_imbalance_and_the_flow_lean_with_the_forecast(sample: Sample) -> None:
    for column in sample.book.T:
        assert 0.6 < correlation(column, sample.oracle) < 0.95  # clear, yet never the oracle itself
    assert 0.15 < correlation(sample.flow, sample.oracle) < 0.6
