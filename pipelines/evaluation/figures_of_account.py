"""Which figures a scorecard shows of the backtested account, each beside buy-and-hold or cash."""

import numpy as np
from numpy.typing import NDArray

from pipelines.evaluation import performance
from pipelines.evaluation.inference import Estimate
from pipelines.evaluation.levels import Levels
from pipelines.evaluation.performance import TradingHistory
from pipelines.evaluation.scorecard import Figure, figure

_CASH = "cash"


def account_figures(history: TradingHistory, held: float | None, levels: Levels) -> tuple[Figure, ...]:
    """Figures after all costs; `held` is the return of buy-and-hold over the same span."""
    net = performance.daily_returns(history)["net"].to_numpy()
    measured = performance.sharpe(net)
    total = float(np.prod(1.0 + net)) - 1.0
    plain = performance.profit_factor(history)
    stressed = performance.profit_factor(history, levels.fee_stress)
    return (
        figure("total_return", "net return over the span", "share", total, held, "buy and hold"),
        figure("daily_return", "mean net return per day", "share", _mean(net, levels), 0.0, _CASH),
        figure(
            "sharpe_daily", "Sharpe ratio per day", "ratio", performance.sharpe_bounds(measured, levels.other)
        ),
        figure("sharpe_skew", "skew of daily returns", "ratio", measured.skew),
        figure("sharpe_kurtosis", "kurtosis of daily returns (normal 3)", "ratio", measured.kurtosis),
        figure(
            "sharpe_sure",
            "probability that the Sharpe ratio is above 0",
            "share",
            _sure(measured),
            0.5,
            _CASH,
        ),
        figure("track_days", "days of track", "days", float(measured.periods)),
        figure("track_needed", "days of track needed", "days", _needed(measured, levels)),
        figure("max_drawdown", "largest drawdown", "share", performance.max_drawdown(history), 0.0, _CASH),
        figure("trades", "closed trades", "count", float(history.trades.height)),
        figure("profit_factor", "profit factor", "ratio", plain, 1.0, "break-even"),
        figure(
            "profit_factor_stressed",
            f"profit factor at {levels.fee_stress:g} × fees",
            "ratio",
            stressed,
            1.0,
            "break-even",
        ),
    )


def _mean(net: NDArray[np.float64], levels: Levels) -> Estimate:
    if net.size < 2:  # one day has a mean but no spread
        return Estimate(float(net.mean()), float("nan"), float("nan"), levels.other)
    return performance.mean_return_bounds(net, levels.other)


def _sure(measured: performance.Sharpe) -> float:
    return performance.probabilistic_sharpe(measured)


def _needed(measured: performance.Sharpe, levels: Levels) -> float:
    return performance.minimum_track(measured, level=levels.other)
