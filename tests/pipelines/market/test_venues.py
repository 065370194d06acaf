"""The convention table, pinned to what venues really answered (F28)."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.market.candle_answers import raw_rows, read_candles
from pipelines.market.timeframes import MINUTES
from pipelines.market.venues import TABLE, conventions_of


def _recorded(real_data: Path, name: str) -> Any:
    return json.loads((real_data / "exchange_responses" / name).read_bytes(), parse_float=str)


def test_every_entry_says_where_it_is_written_down() -> None:
    for name, habits in TABLE.items():
        assert habits.venue == name
        assert len(habits.source) > 40
        assert set(habits.timeframes) <= set(MINUTES)
        assert habits.stamp == "open"
        assert 0 < habits.requests_per_second <= 10


def test_a_venue_outside_the_table_gets_cautious_defaults() -> None:
    plain = conventions_of("somewhere")
    assert (plain.candles_per_request, plain.omits_empty, plain.trades_per_request) == (300, False, None)
    said = conventions_of("somewhere", 1000, ["1m", "3m", "1h"], 2.5)
    assert (said.candles_per_request, said.overflow, said.timeframes) == (1000, 1000, ("1m", "1h"))
    assert said.requests_per_second == 2.5
    assert conventions_of("kraken", 5, ["1m"], 0.5).candles_per_request == 720


def test_hyperliquid_weighs_long_answers() -> None:
    """20 for the request and 1 for each 60 candles: 5,000 candles are about five requests."""
    assert TABLE["hyperliquid"].cost(5000) == pytest.approx((20 + 5000 / 60) / 20)
    assert TABLE["kraken"].cost(720) == 1.0


@pytest.mark.real
def test_kraken_answers_720_and_the_open_one_with_zero_volume_bars(real_data: Path) -> None:
    answer = _recorded(real_data, "kraken/http_ohlc.json")
    rows = raw_rows("kraken", answer, "XBTUSDT")
    habits = TABLE["kraken"]
    assert len(rows) == habits.candles_per_request + 1 == 721
    times = [datetime.fromtimestamp(row[0], UTC) for row in rows]
    assert all(after - before == timedelta(minutes=1) for before, after in pairwise(times))
    assert sum(float(row[6]) == 0 for row in rows) > 100  # bars without a trade are sent
    assert answer["result"]["last"] == rows[-2][0]  # the last committed candle is the one before the last
    assert (
        len(_recorded(real_data, "kraken/http_trades.json")["result"]["XBTUSDT"]) == habits.trades_per_request
    )
    said = _recorded(real_data, "kraken/http_server_time.json")["result"]["unixtime"]
    server_now = datetime.fromtimestamp(said, UTC)
    assert timedelta(0) < server_now - times[-1] < timedelta(minutes=1)  # the last one is open
    found = read_candles(rows, "recorded", (times[0], times[-1]), "1m", habits, server_now)
    assert (found.rows.height, found.quarantine.height, found.unfinished, found.sent) == (720, 0, 1, 721)


@pytest.mark.real
def test_kraken_stamps_opens(real_data: Path) -> None:
    """The candle that opens at t holds the trades of [t, t + 1 m): compared with the recorded trades."""
    rows = raw_rows("kraken", _recorded(real_data, "kraken/http_ohlc.json"), "XBTUSDT")
    trades = _recorded(real_data, "kraken/http_trades.json")["result"]["XBTUSDT"]
    counts: dict[int, int] = {}
    for trade in trades:
        bar = int(float(trade[2])) // 60 * 60
        counts[bar] = counts.get(bar, 0) + 1
    first, last = min(counts), max(counts)
    compared = [row for row in rows if first < row[0] < last]
    assert len(compared) > 300
    assert all(row[7] == counts.get(row[0], 0) for row in compared)


@pytest.mark.real
def test_hyperliquid_answers_the_bar_that_holds_the_start_and_an_inclusive_end(real_data: Path) -> None:
    (call,) = _recorded(real_data, "hyperliquid_recorded/get_candles_snapshot.json")
    rows = raw_rows("hyperliquid", call["response"], "kPEPE")
    asked = call["request"]["req"]
    start, end = (datetime.fromtimestamp(asked[name] / 1000, UTC) for name in ("startTime", "endTime"))
    opens = [datetime.fromtimestamp(row["t"] / 1000, UTC) for row in rows]
    assert opens[0] < start < opens[0] + timedelta(hours=1)
    assert opens[-1] <= end < opens[-1] + timedelta(hours=1)
    assert all(row["T"] + 1 - row["t"] == 3_600_000 for row in rows)
    found = read_candles(rows, "recorded", (start, end), "1h", TABLE["hyperliquid"], end + timedelta(days=1))
    assert found.rows.height == len(rows)
    assert found.rows["close"][0] == 0.001604


@pytest.mark.real
def test_coinbase_answers_newest_first_in_text(real_data: Path) -> None:
    answer = _recorded(real_data, "coinbase/http_candles.json")
    rows = raw_rows("coinbase", answer, "BTC-USD")
    span = (datetime(2024, 4, 3, tzinfo=UTC), datetime(2024, 4, 5, tzinfo=UTC))
    found = read_candles(rows, "documented", span, "1h", TABLE["coinbase"], span[1])
    assert found.rows["close"].to_list() == [66314.59, 66181.6]
    assert found.rows["open_time"].is_sorted()


@pytest.mark.real
def test_alpaca_sends_a_minute_without_a_trade_with_volume_0(real_data: Path) -> None:
    snapshot = _recorded(real_data, "alpaca/crypto_snapshots_BTCUSD.json")["snapshots"]["BTC/USD"]
    bar = snapshot["minuteBar"]
    assert (bar["n"], bar["v"]) == (0, 0)
    span = (datetime(2024, 11, 2, 1, 59, tzinfo=UTC), datetime(2024, 11, 2, 2, 0, tzinfo=UTC))
    found = read_candles([bar], "recorded", span, "1m", TABLE["alpaca"], span[1] + timedelta(hours=1))
    assert found.rows.select("open", "close", "volume").row(0) == (69648.07, 69656.91, 0.0)


@pytest.mark.real
def test_coinbase_names_the_makers_side(real_data: Path) -> None:
    """A trade at or below the mid whose side says BUY was a sale into a bid: 46 of 46 BTC prints."""
    derived = real_data / "tardis_format_derived"
    with gzip.open(derived / "coinbase_trades_2026-08-09_BTC-USD.csv.gz") as file:
        ours = pl.read_csv(file.read())  # already the taker's
    import zstandard

    with (real_data / "raw_feeds" / "cryptofeed_COINBASE.jsonl.zst").open("rb") as file:
        lines = zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()
    received = [json.loads(line) for line in lines[1:]]
    messages = [json.loads(each["data"]) for each in received if "market_trades" in str(each.get("data"))]
    trades = [
        t for message in messages for event in message.get("events", ()) for t in event.get("trades", ())
    ]
    sides = {trade["trade_id"]: trade["side"] for trade in trades if trade["product_id"] == "BTC-USD"}
    both = ours.filter(pl.col("id").cast(pl.String).is_in(list(sides)))
    assert both.height > 100
    opposite = {"buy": "SELL", "sell": "BUY"}
    assert all(sides[str(row["id"])] == opposite[row["side"]] for row in both.iter_rows(named=True))
    assert TABLE["coinbase"].makers_side
    assert not any(habits.makers_side for name, habits in TABLE.items() if name != "coinbase")
