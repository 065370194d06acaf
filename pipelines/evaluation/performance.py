"""What a backtest earned: daily net returns, Sharpe family, drawdown, profit factor; none annualised.

Figures are on the trader's own equity, flat days included, so they describe the account and not the trades.
What does not live here: fills and fees (pipelines/trading) and the market's own return (`baselines`).
"""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData
from pipelines.evaluation.inference import Estimate, mean_bounds


@dataclass(frozen=True)
class TradingHistory:
    """What evaluation needs to know of a backtest, whoever ran it."""

    equity: pl.DataFrame  # time (UTC), equity (quote units, marked at each bar): one row a bar, sorted
    trades: (
        pl.DataFrame
    )  # time (UTC), profit (quote units, net of fees), fee (quote units): one row a closed trade
    capital: float  # quote units at the start

    def __post_init__(self) -> None:
        if self.capital <= 0:
            raise BadData(
                f"capital must be positive: found {self.capital}; give the session's start capital."
            )
        if self.equity.is_empty():
            raise BadData(
                "the backtest has no equity rows: expected one a bar; run it over the forecasts' span."
            )


def daily_returns(history: TradingHistory) -> pl.DataFrame:
    """Net return per UTC day, last equity over the day before's (capital at first); columns day, net.

    An account that once falls to 0 is ruined: −1 on that day and 0 ever after.
    """
    last = (
        history.equity.sort("time")
        .group_by(pl.col("time").dt.date().alias("day"), maintain_order=True)
        .last()
    )
    alive = pl.when(pl.col("equity").cum_min() > 0).then(pl.col("equity")).otherwise(0.0)
    last = last.with_columns(equity=alive)
    before = pl.col("equity").shift(1).fill_null(history.capital)
    return last.select("day", net=pl.when(before > 0).then(pl.col("equity") / before - 1.0).otherwise(0.0))


@dataclass(frozen=True)
class Sharpe:
    """Moments of per-period returns that every Sharpe-family formula needs (López de Prado's notation)."""

    ratio: float  # mean/std (ddof 1) per period
    skew: float  # γ₃
    kurtosis: float  # γ₄, raw: 3 for a normal law
    periods: int  # T

    @property
    def spread(self) -> float:
        """1 − γ₃·SR + (γ₄ − 1)/4·SR²: variance of √T·SR̂ for non-normal returns (Mertens 2002)."""
        return 1.0 - self.skew * self.ratio + (self.kurtosis - 1.0) / 4.0 * self.ratio**2


def sharpe(returns: NDArray[np.float64]) -> Sharpe:
    """Sharpe ratio per period with skew and raw kurtosis; 0 when returns (T,) are all equal or T < 2."""
    from scipy import stats  # not at module level: loading a code location needs none of it

    size = returns.size
    spread = float(returns.std(ddof=1)) if size > 1 else 0.0
    if spread <= 1e-15:  # an account that never traded: no risk, no ratio
        return Sharpe(0.0, 0.0, 3.0, size)
    skew = float(stats.skew(returns))
    kurtosis = float(stats.kurtosis(returns, fisher=False))
    return Sharpe(float(returns.mean()) / spread, skew, kurtosis, size)


def probabilistic_sharpe(measured: Sharpe, benchmark: float = 0.0) -> float:
    """P(true Sharpe > benchmark), both per period (Bailey & López de Prado 2012)."""
    from scipy import stats

    if measured.periods < 2:
        return 0.5
    score = (measured.ratio - benchmark) * sqrt(measured.periods - 1) / sqrt(measured.spread)
    return float(stats.norm.cdf(score))


def minimum_track(measured: Sharpe, benchmark: float = 0.0, level: float = 0.95) -> float:
    """Periods before the Sharpe ratio beats `benchmark` at `level` (MinTRL, same paper); inf if below."""
    from scipy import stats

    if measured.ratio <= benchmark:
        return inf
    return 1.0 + measured.spread * (float(stats.norm.ppf(level)) / (measured.ratio - benchmark)) ** 2


def sharpe_bounds(measured: Sharpe, level: float) -> Estimate:
    """Sharpe ratio per period with one-sided bounds from the same variance."""
    from scipy import stats

    width = float(stats.norm.ppf(level)) * sqrt(measured.spread / max(1, measured.periods - 1))
    return Estimate(measured.ratio, measured.ratio - width, measured.ratio + width, level)


def mean_return_bounds(returns: NDArray[np.float64], level: float) -> Estimate:
    """Mean net return per day with Newey-West bounds, lag ⌊4(T/100)^(2/9)⌋ (Newey & West 1994); T ≥ 2."""
    return mean_bounds(returns, int(4.0 * (returns.size / 100.0) ** (2.0 / 9.0)), level)


def max_drawdown(history: TradingHistory) -> float:
    """Largest fall of equity from its running peak, as a share of the peak, 0 … 1."""
    path = np.concatenate([[history.capital], history.equity.sort("time")["equity"].to_numpy()])
    peak = np.maximum.accumulate(path)
    return float(((peak - path) / peak).max())


def profit_factor(history: TradingHistory, fee_stress: float = 1.0) -> float:
    """Σ profits of winning trades ÷ Σ losses of the others, every fee multiplied by `fee_stress`.

    NaN without a trade; inf without a losing one.
    """
    profit = (history.trades["profit"] - (fee_stress - 1.0) * history.trades["fee"]).to_numpy()
    won, lost = float(profit[profit > 0].sum()), float(-profit[profit < 0].sum())
    if lost == 0:
        return inf if won > 0 else float("nan")
    return won / lost
