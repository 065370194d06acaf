"""The page of a symbol and timeframe: it holds every finding and plot, needs no network, and stays small."""

import re
from datetime import UTC, datetime, timedelta

import polars as pl

from pipelines.market.coverage import coverage
from pipelines.market.quality import Inputs, QualityLimits, add_delays, findings, tick_day
from pipelines.market.quality.plots import broken, daily_shares
from pipelines.market.quality.report import report, sparkline
from pipelines.market.schemas import BARS, COVERAGE, ORDER_BOOK
from tests.pipelines.market.quality.faulty import DAY, SAID, at, books, candles, inputs, put, trades


def page(given: Inputs) -> str:
    limits = QualityLimits()
    return report(given, findings(given, limits), limits, "main { color: red }", "2024-07-20")


def full() -> Inputs:
    told = put(candles(without=(10, 11, 12, 13, 14)), 30, high=900.0).with_columns(origin=pl.lit("candle"))
    bars = inputs(told).bars.with_columns(origin=pl.lit("ticks"))
    row, late = tick_day(DAY, trades([1, 2, 5], [0.1, 0.2, -0.3]), books([1.0, -1.0]))
    return inputs(told, bars=bars, tick_days=row, delays=add_delays([late]))


def test_the_page_holds_every_finding_every_plot_and_the_holes() -> None:
    given = full()
    text = page(given)
    for one in findings(given, QualityLimits()):
        assert f"<b>{one.name}</b>" in text
    for element in ("coverage", "closes", "differences", "delays"):
        assert text.count(f'id="{element}"') == 1
    assert "2024-07-19 00:10</td><td class='t'>2024-07-19 00:15</td><td>unknown</td><td class='n'>5" in text
    assert "main { color: red }" in text
    assert text.count("<span class='badge no'>fail</span>") == 2  # gaps and outliers
    assert "900" in text


def test_the_page_needs_no_network_and_carries_its_script_once() -> None:
    text = page(full())
    assert text.count("plotly.js v") <= 2
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", text)
    assert page(full()) == text


def test_hostile_words_of_a_source_stay_words() -> None:
    given = inputs(candles())
    said = coverage((at(0), at(61)), given.bars, SAID, "1m").with_columns(
        reason=pl.lit("<script>alert(1)</script>")
    )
    text = page(Inputs("BTC-USD", "1m", given.bars, said, given.candles))
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_long_history_makes_no_long_page() -> None:
    """60,000 minutes with a hole each hour: 41 days, a thousand spans."""
    times = pl.datetime_range(at(0), at(60_000), "1m", closed="left", eager=True)
    bars = pl.DataFrame(
        {"open_time": times, **dict.fromkeys(("open", "high", "low", "close"), 100.0), "volume": 1.0}
    )
    bars = bars.filter(pl.col("open_time").dt.minute() != 7).with_columns(origin=pl.lit("candle"))
    bars = pl.concat([pl.DataFrame(schema=BARS), bars], how="diagonal_relaxed").cast(pl.Schema(BARS))
    ledger = coverage((at(0), at(60_000)), bars, SAID, "1m")
    assert ledger.height > 1900
    text = page(Inputs("BTC-USD", "1m", bars, ledger))
    assert len(text) - len(page(inputs(candles()))) < 150_000


def test_shares_of_a_day_add_up_and_the_line_shows_the_worst_days() -> None:
    bars = inputs(candles()).bars
    ledger = coverage((at(0), at(3 * 1440)), bars, SAID, "1m")
    days = daily_shares(ledger, "1m")
    assert days["bars"].to_list() == [1440, 1440, 1440]
    assert days["present"].to_list() == [60 / 1440, 0.0, 0.0]
    assert (days["present"] + days["unknown"]).to_list() == [1.0, 1.0, 1.0]
    assert sparkline(ledger, "1m") == "▁▁▁"
    assert sparkline(inputs(candles()).ledger, "1m") == "█"
    assert len(sparkline(coverage((at(0), at(90 * 1440)), bars, SAID, "1h"), "1h")) == 60


def test_nothing_at_all_makes_a_page_too() -> None:
    empty = Inputs("BTC-USD", "1m", pl.DataFrame(schema=BARS), pl.DataFrame(schema=COVERAGE))
    assert sparkline(empty.ledger, "1m") == ""
    assert "no bar is known" in page(empty)
    row, _ = tick_day(DAY, trades([]), pl.DataFrame(schema=ORDER_BOOK))
    assert row["id_range"].to_list() == [0]


def test_the_line_of_closes_breaks_at_every_hole_and_keeps_the_ends_of_every_run() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    minutes = [*range(3000), *range(4000, 4005), *range(9000, 9001)]
    times = [start + timedelta(minutes=n) for n in minutes]
    thin = broken(pl.DataFrame({"open_time": times, "close": [float(n) for n in minutes]}), "1m")
    assert thin.height < 1600
    held = [None if value is None else int(value) for value in thin["close"]]
    assert held[-7:] == [2999, None, 4000, 4003, 4004, None, 9000]
    assert held.count(None) == 2


def test_countless_holes_make_no_countless_points() -> None:
    times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=2 * n) for n in range(20_000)]
    thin = broken(pl.DataFrame({"open_time": times, "close": [1.0] * 20_000}), "1m")
    assert thin.height < 2_000
