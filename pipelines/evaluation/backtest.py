"""Reads a run of pipelines/trading as the trading history that evaluation judges. It runs nothing itself."""

import polars as pl

from pipelines.evaluation.performance import TradingHistory
from pipelines.trading.run import Result
from pipelines.trading.session import SessionConfig
from pipelines.trading.summary import total_equity


def history_of(result: Result, config: SessionConfig) -> TradingHistory:
    """Equity of the whole session per bar, and its closed trades, in quote units.

    `result`: what `trading.run.run` returned for `config`.
    """
    equity = total_equity(result.equity, config).rename({"open_time": "time"})
    return TradingHistory(equity, closed_trades(result.fills), config.capital)


def closed_trades(fills: pl.DataFrame) -> pl.DataFrame:
    """Trades that ended, from fills (symbol, leg, time, quantity, cash, fee); columns time, profit, fee.

    A trade is an "open" leg with the "close" legs that follow it on the symbol; profit = Σ cash − Σ fee.
    A position still open at the end is no trade yet: it shows in the equity only.
    """
    number = (pl.col("leg") == "open").cum_sum().over("symbol")
    trades = (
        fills.sort("time", maintain_order=True)
        .with_columns(trade=number)
        .group_by("symbol", "trade", maintain_order=True)
        .agg(
            pl.col("time").last(),
            profit=pl.col("cash").sum() - pl.col("fee").sum(),
            fee=pl.col("fee").sum(),
            held=pl.col("quantity").sum().abs(),
        )
    )
    return (
        trades.filter(pl.col("held") < 1e-9).select("time", "profit", "fee").sort("time")
    )  # 1e-8 is the unit
