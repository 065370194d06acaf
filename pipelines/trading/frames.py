"""Events as polars frames: what a run and a journal show. No computation of results lives here.

Times are UTC us. `equity`, `cash`, `price` and the like are float64 in quote units and `quantity` in base
units; columns ending in `_minor` are the exact integers (1e-8).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from pipelines.market.schemas import UTC_US
from pipelines.trading.events import Decision, EquityMark, Event, Fill
from pipelines.trading.money import SCALE

EQUITY = {
    "symbol": pl.String,
    "open_time": pl.Int64,
    "cash": pl.Int64,
    "quantity": pl.Int64,
    "mark": pl.Int64,
    "equity": pl.Int64,
    "realised": pl.Int64,
    "fees": pl.Int64,
}
FILLS = {
    "symbol": pl.String,
    "decided_at": pl.Int64,
    "leg": pl.String,
    "time": pl.Int64,
    "quantity": pl.Int64,
    "price": pl.Int64,
    "cash": pl.Int64,
    "fee": pl.Int64,
}
DECISIONS = {
    "symbol": pl.String,
    "open_time": pl.Int64,
    "action": pl.String,
    "reason": pl.String,
    "quantity": pl.Int64,
    "target": pl.Int64,
    "close": pl.Int64,
    "signal_time": pl.Int64,
    "late": pl.Int64,
    "expected": pl.Float64,
    "bundle": pl.String,
}
"""Row shapes before `shown` turns minor units and microseconds into quote units and times."""

TIMES = ("open_time", "time", "decided_at", "signal_time")
MONEY = ("cash", "quantity", "mark", "equity", "realised", "fees", "price", "fee", "target", "close")


def table(rows: Sequence[tuple[Any, ...]], schema: dict[str, Any]) -> pl.DataFrame:
    """Rows of integers as a shown frame, column by column (rows of tuples are slow to read in polars)."""
    columns = zip(*rows, strict=True) if rows else repeat_empty(len(schema))
    data = {name: list(column) for name, column in zip(schema, columns, strict=True)}
    return shown(pl.DataFrame(data, schema=schema))


def repeat_empty(count: int) -> Iterable[tuple[()]]:
    """`count` empty columns."""
    return [()] * count


def shown(frame: pl.DataFrame) -> pl.DataFrame:
    """Minor units -> quote or base units (keeping `equity_minor` exact), us -> UTC; -1 times become null."""
    exact = [pl.col("equity").alias("equity_minor")] if "equity" in frame.columns else []
    truth = [pl.col("late").cast(pl.Boolean)] if "late" in frame.columns else []
    return frame.with_columns(
        *exact,
        *truth,
        *(pl.col(c) / SCALE for c in MONEY if c in frame.columns),
        *(pl.when(pl.col(c) >= 0).then(pl.col(c)).cast(UTC_US).alias(c) for c in TIMES if c in frame.columns),
    )


def equity_frame(events: Iterable[Event]) -> pl.DataFrame:
    """One row per symbol and bar: cash, quantity, mark, equity, realised, fees, equity_minor."""
    return table([e for e in events if type(e) is EquityMark], EQUITY)


def fills_frame(events: Iterable[Event]) -> pl.DataFrame:
    """One row per fill: symbol, decided_at, leg, time, quantity, price, cash, fee."""
    return table([e for e in events if type(e) is Fill], FILLS)


def decisions_frame(events: Iterable[Event]) -> pl.DataFrame:
    """One row per symbol and bar: action, reason, quantity held, target, close, expected, bundle."""
    return table([decision_row(e) for e in events if type(e) is Decision], DECISIONS)


def decision_row(made: Decision) -> tuple[Any, ...]:
    """A decision in the columns of DECISIONS."""
    symbol, time, action, reason, quantity, target, close, signal, _, late, forecast = made
    expected, bundle = (None, "") if forecast is None else (forecast.expected, forecast.bundle)
    return (
        symbol,
        time,
        action.value,
        reason.value,
        quantity,
        target,
        close,
        signal,
        int(late),
        expected,
        bundle,
    )
