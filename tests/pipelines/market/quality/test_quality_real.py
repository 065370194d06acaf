"""Findings on real files: the recorder's clock of the Binance ticks, their ids and books, and Bitfinex's holes."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from pipelines.market.assembly import assemble
from pipelines.market.coverage import coverage
from pipelines.market.quality import Inputs, QualityLimits, add_delays, findings, tick_day
from pipelines.market.schemas import EVIDENCE, MINUTE_BARS, UTC_US
from tests.pipelines.market.quality.faulty import candles, found, inputs
from tests.pipelines.market.test_minute_bars_real import read

DAYS = (date(2024, 7, 18), date(2024, 7, 19))
SPAN = (datetime(2018, 1, 1, tzinfo=UTC), datetime(2018, 7, 1, tzinfo=UTC))


@pytest.mark.real
@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_the_recorder_of_the_binance_ticks_runs_one_and_a_half_seconds_behind(
    real_data: Path, symbol: str
) -> None:
    trades = read(real_data, "trades", symbol, id=pl.col("id"))
    sides = {f"{side}_price_1": pl.col(f"{side}s[0].price") for side in ("bid", "ask")}
    book = read(real_data, "book_snapshot_25", symbol, **sides)
    parts = [
        tick_day(day, *(table.filter(pl.col("time").dt.date() == day) for table in (trades, book)))
        for day in DAYS
    ]
    days, delays = pl.concat([row for row, _ in parts]), add_delays([late for _, late in parts])
    told = found(inputs(candles(), tick_days=days, delays=delays))
    assert days["trades"].sum() == trades.height
    assert not told["clock"].passed
    assert told["clock"].value == pytest.approx(-1.52, abs=0.02)
    assert told["crossed_books"].value == 0.0
    assert days["books"].sum() == book.height
    assert told["trade_ids"].value == 0.0  # Binance counts without a gap


@pytest.mark.real
@pytest.mark.parametrize(
    ("symbol", "share", "passed"),
    [("BTCUSD", 0.0033, True), ("ETHUSD", 0.0094, True), ("LTCUSD", 0.0805, False), ("XRPUSD", 0.0398, True)],
)
def test_half_a_year_of_bitfinex_has_gaps_and_no_other_blocking_fault(
    real_data: Path, symbol: str, share: float, passed: bool
) -> None:
    path = real_data / "unlicensed" / "bitfinex_1m" / f"bitfinex_{symbol}_1m_2018H1.parquet"
    told = pl.read_parquet(path).with_columns(pl.col("open_time").cast(UTC_US))
    bars = assemble(pl.DataFrame(schema=MINUTE_BARS), told, told, "1m")
    ledger = coverage(SPAN, bars, pl.DataFrame(schema=EVIDENCE), "1m")
    every = {one.name: one for one in findings(Inputs(symbol, "1m", bars, ledger, told), QualityLimits())}
    assert every["gaps"].value == pytest.approx(share, abs=1e-4)
    assert every["gaps"].passed == passed
    assert [one.name for one in every.values() if not one.passed and one.name != "gaps"] == []
