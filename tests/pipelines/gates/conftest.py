"""A market whose truth is known, forecasters that know it or pretend to, and a trader that pays costs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy import signal, stats

from pipelines.evaluation.evaluate import scorecard
from pipelines.evaluation.performance import TradingHistory
from pipelines.evaluation.scorecard import Scorecard, Subject

Array = NDArray[np.float64]
START = datetime(2024, 1, 1, tzinfo=UTC)
WIDTH = 0.43


@dataclass(frozen=True)
class Market:
    """5-minute bars with log returns σ_t·(κ·s_{t−1} + ε_t), s a standard AR(1) that a model may observe."""

    returns: Array  # log return of each bar
    volatility: Array  # its true standard deviation
    ahead: Array  # E[y]/(σ√h) known at each bar's close; 0 without an edge
    y: Array  # log return of bars t+1 … t+h
    label: NDArray[np.int64]
    horizon: int

    @property
    def bars(self) -> pl.DataFrame:
        close = 100.0 * np.exp(np.cumsum(self.returns))
        times = [START + timedelta(minutes=5 * k) for k in range(close.size)]
        return pl.DataFrame(
            {"open_time": times, "open": np.concatenate([[100.0], close[:-1]]), "close": close},
            schema_overrides={"open_time": pl.Datetime("us", "UTC")},
        )


def make_market(
    seed: int, bars: int = 17_280, horizon: int = 12, edge: float = 0.0, vol: float = 0.0
) -> Market:
    """`edge`: correlation of the forecast with y/σ; `vol`: spread of log volatility, which is an AR(1)."""
    random = np.random.default_rng(seed)
    state = signal.lfilter([np.sqrt(1 - 0.995**2)], [1, -0.995], random.standard_normal(bars + 500))[500:]
    volatility = 0.002 * np.exp(vol * state)
    phi = 0.9
    s = signal.lfilter([np.sqrt(1 - phi**2)], [1, -phi], random.standard_normal(bars + 500))[500:]
    pull = sum(phi**j for j in range(horizon)) / np.sqrt(horizon)  # E[y | s]/(σ√h) per unit of κ, σ constant
    kappa = edge / pull
    drift = kappa * np.concatenate([[0.0], s[:-1]])
    returns = volatility * (drift + np.sqrt(1 - kappa**2) * random.standard_normal(bars))
    total = np.concatenate([[0.0], np.cumsum(returns)])
    y = np.full(bars, np.nan)
    y[: bars - horizon] = total[1 + horizon :] - total[1 : bars - horizon + 1]
    known = np.sqrt(signal.lfilter([0.02], [1, -0.98], returns**2, zi=[0.98 * 0.002**2])[0])  # an ex-ante σ
    band = WIDTH * known * np.sqrt(horizon)
    label = np.where(np.isnan(y), -1, np.where(y > band, 2, np.where(y < -band, 0, 1)))
    return Market(returns, volatility / known, edge * s, y, label, horizon)


def gaussian(mean: Array, spread: Array | float) -> Array:
    """Class probabilities (N, 3) when y/(known σ√h) is normal with this mean and standard deviation."""
    low = stats.norm.cdf((-WIDTH - mean) / spread)
    high = stats.norm.sf((WIDTH - mean) / spread)
    return np.column_stack([low, 1 - low - high, high])


def forecast_frame(market: Market, probabilities: Array, training_share: float = 0.4) -> pl.DataFrame:
    """Out-of-sample forecasts: climatology from the first part of the market, rows from the rest."""
    cut = int(training_share * market.label.size)
    seen = market.label[: cut - market.horizon - 1]
    clim = np.bincount(seen, minlength=3) / seen.size
    frame = pl.DataFrame(probabilities, schema=["p_down", "p_neutral", "p_up"]).with_columns(
        market.bars["open_time"],
        pl.lit("BTC-USD").alias("symbol"),
        pl.Series("label", market.label, pl.Int8).replace(-1, None),
        *(pl.lit(value).alias(name) for name, value in zip(CLIM, clim.tolist(), strict=True)),
    )
    return frame[cut:]


CLIM = ("clim_down", "clim_neutral", "clim_up")


def trade(market: Market, frame: pl.DataFrame, cost: float) -> TradingHistory:
    """Holds sign(p_up − p_down) for a horizon when they differ by 0.05; `cost` a side, as a share."""
    start = market.label.size - frame.height
    tilt = (frame["p_up"] - frame["p_down"]).to_numpy()
    h = market.horizon
    blocks = (frame.height - 1) // h
    side = np.where(np.abs(tilt[: blocks * h : h]) > 0.05, np.sign(tilt[: blocks * h : h]), 0.0)
    gross = side[:, None] * np.expm1(market.returns[start + 1 : start + 1 + blocks * h].reshape(blocks, h))
    paid = np.zeros((blocks, h))
    paid[:, 0] = paid[:, -1] = cost * np.abs(side)
    equity = 1e5 + 1e5 * np.cumsum((gross - paid).ravel())
    times = frame["open_time"][1 : 1 + blocks * h]
    made = side != 0
    trades = pl.DataFrame(
        {
            "time": times.gather(np.arange(blocks) * h + h - 1).filter(pl.Series(made)),
            "profit": 1e5 * (gross - paid).sum(axis=1)[made],
            "fee": 1e5 * paid.sum(axis=1)[made],
        }
    )
    return TradingHistory(pl.DataFrame({"time": times, "equity": equity}), trades, 1e5)


Judge = Callable[..., Scorecard]


@pytest.fixture
def judge() -> Judge:
    """The scorecard of these forecasts on this market, traded at 1 bp a side unless said otherwise."""

    def judged(market: Market, probabilities: Array, trials: int = 1, cost: float = 1e-4) -> Scorecard:
        frame = forecast_frame(market, probabilities)
        subject = Subject("test", "BTC-USD|5m", "f" * 64, "5m", market.horizon, trials)
        return scorecard(frame, trade(market, frame, cost), {"BTC-USD": market.bars}, subject)

    return judged


@pytest.fixture
def markets() -> Callable[..., Market]:
    """`make_market`."""
    return make_market


@pytest.fixture
def normal() -> Callable[..., Array]:
    """`gaussian`."""
    return gaussian
