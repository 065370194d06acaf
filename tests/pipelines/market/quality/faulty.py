"""Inputs of the quality tests: a sound hour by hand, and the same with one fault."""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from pipelines.market.assembly import assemble
from pipelines.market.coverage import coverage
from pipelines.market.quality import Finding, Inputs, QualityLimits, findings
from pipelines.market.schemas import CANDLES, EVIDENCE, MINUTE_BARS, ORDER_BOOK, TRADES

START = datetime(2024, 7, 19, tzinfo=UTC)
DAY = date(2024, 7, 19)
NO_TICKS = pl.DataFrame(schema=MINUTE_BARS)
SAID = pl.DataFrame(schema=EVIDENCE)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def candles(count: int = 60, without: tuple[int, ...] = (), close: float = 100.0) -> pl.DataFrame:
    """Minutes that go up and down by one."""
    rows = []
    for m in range(count):
        a, b = close + m % 2, close + (m + 1) % 2
        if m not in without:
            rows.append(
                {
                    "open_time": at(m),
                    "open": a,
                    "high": max(a, b),
                    "low": min(a, b),
                    "close": b,
                    "volume": 5.0,
                }
            )
    return pl.DataFrame(rows, schema=CANDLES)


def inputs(told: pl.DataFrame, **more: pl.DataFrame) -> Inputs:
    """What would be stored of these candles, over their own span."""
    bars = more.pop("bars", assemble(NO_TICKS, told, told, "1m"))
    ledger = coverage((at(0), at(60)), bars, SAID, "1m")
    return Inputs("BTC-USD", "1m", bars, ledger, told, **more)


def found(given: Inputs, limits: QualityLimits | None = None) -> dict[str, Finding]:
    return {one.name: one for one in findings(given, limits or QualityLimits())}


def failed(given: Inputs, limits: QualityLimits | None = None) -> set[str]:
    return {name for name, one in found(given, limits).items() if not one.passed}


def put(table: pl.DataFrame, minute: int, **values: float) -> pl.DataFrame:
    """The table with other values in one minute."""
    here = pl.col("open_time") == at(minute)
    return table.with_columns(
        pl.when(here).then(value).otherwise(name).alias(name) for name, value in values.items()
    )


def trades(ids: list[int], delay: list[float] | None = None) -> pl.DataFrame:
    """A trade a second with these ids; `delay`: local minus exchange time, seconds."""
    times = [START + timedelta(seconds=i) for i in range(len(ids))]
    late = (
        [None] * len(ids)
        if delay is None
        else [t + timedelta(seconds=d) for t, d in zip(times, delay, strict=True)]
    )
    return pl.DataFrame(
        {"time": times, "local_time": late, "id": ids, "side": 1, "price": 100.0, "amount": 1.0}
    ).cast(pl.Schema(TRADES))


def books(spreads: list[float | None]) -> pl.DataFrame:
    """Books of one level around 100 with these spreads; None: no ask."""
    rows = [
        {"time": at(i), "bid_price_1": 100.0, "ask_price_1": None if s is None else 100.0 + s}
        for i, s in enumerate(spreads)
    ]
    return pl.DataFrame(rows, schema=ORDER_BOOK)
