"""The figures of one run, from its frames. No intervals, no verdicts: those are `evaluation` and `gates`."""

from dataclasses import dataclass

import polars as pl

from pipelines.trading.session import SessionConfig


@dataclass(frozen=True)
class Summary:
    """Net of all costs. Fractions unless said otherwise."""

    net_return: float  # last equity / capital - 1
    daily: pl.DataFrame  # day (UTC date), net_return of that day; sums by compounding to net_return
    trades: int  # positions opened
    turnover: float  # traded notional / capital
    max_drawdown: float  # largest fall from a peak of equity, as a fraction of the peak, >= 0
    fees: float  # quote units
    buy_and_hold: (
        float  # return of putting `max_position` of each sleeve in at the second open, same costs, held
    )
    bars: int  # decisions
    exposure: float  # share of bars closed with a position


def summarise(
    bars: pl.DataFrame, equity: pl.DataFrame, fills: pl.DataFrame, config: SessionConfig
) -> Summary:
    """The figures of a run over `bars`; `equity` and `fills` as in `frames`."""
    total = total_equity(equity, config)
    curve = pl.concat([pl.Series([config.capital]), total["equity"]])
    fall = (1 - curve / curve.cum_max()).max()
    return Summary(
        net_return=float(curve[-1]) / config.capital - 1,
        daily=daily_returns(total, config.capital),
        trades=fills.filter(pl.col("leg") == "open").height,
        turnover=float(fills["cash"].abs().sum()) / config.capital,
        max_drawdown=float(fall),  # type: ignore[arg-type]  # a non-empty float series has a float maximum
        fees=float(fills["fee"].sum()),
        buy_and_hold=buy_and_hold(bars, config),
        bars=equity.height,
        exposure=float((equity["quantity"] != 0).mean()),  # type: ignore[arg-type]  # likewise
    )


def total_equity(equity: pl.DataFrame, config: SessionConfig) -> pl.DataFrame:
    """open_time and equity of the whole session, quote units; a symbol without a bar keeps its last value."""
    if len(config.symbols) == 1:
        return equity.select("open_time", "equity")
    wide = equity.pivot("symbol", index="open_time", values="equity").sort("open_time")
    sleeves = [
        pl.col(symbol).forward_fill().fill_null(cash / 1e8) if symbol in wide.columns else pl.lit(cash / 1e8)
        for symbol, cash in config.sleeves.items()
    ]
    return wide.select("open_time", equity=pl.sum_horizontal(sleeves))


def daily_returns(total: pl.DataFrame, capital: float) -> pl.DataFrame:
    """day, net_return: last equity of each UTC day over that of the day before (the capital at first)."""
    last = total.group_by(day=pl.col("open_time").dt.date(), maintain_order=True).agg(pl.col("equity").last())
    return last.select("day", net_return=pl.col("equity") / pl.col("equity").shift(1, fill_value=capital) - 1)


def buy_and_hold(bars: pl.DataFrame, config: SessionConfig) -> float:
    """Mean over the symbols of share x (last close / (second open, worsened) - 1) minus the fee.

    0 below 2 bars.
    """
    if "symbol" not in bars.columns:
        bars = bars.with_columns(symbol=pl.lit(config.symbols[0]))
    costs = config.costs
    worse = 1 + (costs.half_spread_bps + costs.slippage_bps) * 1e-4
    ends = (
        bars.sort("open_time")
        .group_by("symbol")
        .agg(bought=pl.col("open").get(1, null_on_oob=True), last=pl.col("close").last())
        .drop_nulls()
    )
    gains = config.max_position * (ends["last"] / (ends["bought"] * worse) - 1 - costs.fee_bps * 1e-4)
    return float(gains.sum()) / len(config.symbols)
