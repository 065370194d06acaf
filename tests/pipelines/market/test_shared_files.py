"""Every family of raw feeds, trades, funding, fills and recorded answers parses to the counts of its README.

What is known to be wrong with them is reported, not repaired. Feeds in detail: native/test_real_captures.py. Files of
the tick archive, candles and equities: their own tests.
"""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.market.candle_answers import raw_rows, read_candles
from pipelines.market.candle_files import parse_candle_table, parse_kraken_ohlcvt
from pipelines.market.funding_files import parse_funding
from pipelines.market.native.bitfinex_pages import parse_bitfinex_page
from pipelines.market.native.funding_notes import funding_notes, missing_payments
from pipelines.market.native.trade_archives import parse_freqtrade_trades, parse_kraken_trades
from pipelines.market.rows import EARLIEST
from pipelines.market.venues import TABLE
from pipelines.market.wallets import parse_fill_lines, parse_user_fills
from resources.sources.captures import read_capture, read_lines

pytestmark = pytest.mark.real
NOW = datetime(2026, 11, 21, tzinfo=UTC)
WINDOW = (EARLIEST, NOW)
HOUR = timedelta(hours=1)
FEEDS = {
    "binance_usdm_btcusdt_20240718.gz": (11414, "2024-07-18 23:57:00", "2024-07-18 23:59:58"),
    "binance_usdm_btcusdt_20240719.gz": (60570, "2024-07-19 00:00:00", "2024-07-19 00:05:00"),
    "binance_usdm_ethusdt_20240718.gz": (14003, "2024-07-18 23:57:01", "2024-07-18 23:59:58"),
    "binance_usdm_ethusdt_20240719.gz": (55910, "2024-07-19 00:00:00", "2024-07-19 00:05:00"),
    "hyperliquid_l2book_btc_20250126.gz": (55, "2025-01-26 19:14:03", "2025-01-26 19:14:29"),
    "cryptofeed_COINBASE.jsonl.zst": (1038, "2026-08-09 21:05:48", "2026-08-09 21:06:12"),
    "cryptofeed_KRAKEN.jsonl.zst": (4438, "2021-04-17 16:48:52", "2021-04-17 16:49:23"),
    "cryptofeed_DERIBIT.jsonl.zst": (143, "2021-07-22 22:42:03", "2021-07-22 22:42:34"),
    "cryptofeed_BINANCE_FUTURES.jsonl.zst": (1542, "2021-07-22 22:25:40", "2021-07-22 22:26:11"),
    "bybit_xrpusdt_ob500.data.zip": (50, "", ""),
}
FUNDING = {
    **{"BTC": 18778, "ETH": 18778, "SOL": 18778, "DOGE": 18779},
    **{"AVAX": 18778, "LINK": 18760, "XRP": 18458, "HYPE": 5587},
}


def second(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def recorded(data: Path, name: str) -> dict[str, Any]:
    path = data / "exchange_responses/hyperliquid_recorded" / name
    first: dict[str, Any] = json.loads(path.read_text(), parse_float=str)[0]
    return first


def test_every_raw_feed_of_the_folder_is_here(real_data: Path) -> None:
    assert {path.name for path in (real_data / "raw_feeds").iterdir()} == set(FEEDS)


@pytest.mark.parametrize("name", FEEDS)
def test_a_raw_feed_has_the_lines_and_the_span_of_its_readme(real_data: Path, name: str) -> None:
    path = real_data / "raw_feeds" / name
    lines, first, last = FEEDS[name]
    assert sum(1 for _ in read_lines(path)) == lines
    messages = list(read_capture(path))
    assert not any(isinstance(message, str) or message is None for _, message in messages), (
        "all JSON, none lost"
    )
    assert (second(messages[0][0]), second(messages[-1][0])) == (first, last)


def test_freqtrades_binance_trades(real_data: Path) -> None:
    path = real_data / "trades/binance_spot_XRPETH_trades.json.gz"
    found = parse_freqtrade_trades(gzip.decompress(path.read_bytes()), path.name, WINDOW)
    assert found.rows.height == 12_477
    assert found.quarantine.is_empty()
    assert found.notes == (), "ids are consecutive and none is repeated"
    assert found.rows["id"].diff().drop_nulls().unique().to_list() == [1]
    assert (second(found.rows["time"][0]), second(found.rows["time"][-1])) == (
        "2019-10-11 00:00:11",
        "2019-10-13 11:19:28",
    )


def test_krakens_archive_of_trades(real_data: Path) -> None:
    found = parse_kraken_trades(
        (real_data / "trades/kraken_BCHEUR_trades.csv").read_bytes(), "kraken", WINDOW
    )
    assert found.rows.height == 148
    assert found.quarantine.is_empty()
    assert "who was the aggressor" in found.notes[0]
    assert found.rows["price"].is_between(80, 130).all()


@pytest.mark.parametrize("coin", FUNDING)
def test_hyperliquid_funding_and_its_known_defects(real_data: Path, coin: str) -> None:
    table = pl.read_parquet(real_data / "funding/hyperliquid_funding.parquet")
    assert table.height == 136_696 == sum(FUNDING.values())
    found = parse_funding(table, "hyperliquid", coin, NOW)
    assert found.height == FUNDING[coin]
    notes = funding_notes(found)
    eight = found.filter(pl.col("period_hours") == 8)["time"]
    if coin in ("XRP", "HYPE"):
        assert eight.is_empty()
    else:
        assert second(eight[-1]) == "2023-06-08 00:00:00"
        assert (
            notes[0] == "the funding period changes from 8 h to 1 h with the payment of 2023-06-08 01:00 UTC"
        )
    gone = [] if coin == "HYPE" else ["2023-07-02 20:00:00", "2023-08-23 20:00:00", "2024-08-15 13:00:00"]
    assert [second(time) for time in missing_payments(found)] == gone
    assert any("3 payments are missing: 2023-07-02 20:00, " in note for note in notes) == (coin != "HYPE")


def test_hyperliquid_funding_stamps_are_later_than_the_readme_says(real_data: Path) -> None:
    """Its README says 0-989 ms after the hour: fifteen stamps are later, one of them by 23 m 53 s."""
    table = pl.read_parquet(real_data / "funding/hyperliquid_funding.parquet")
    after = table.select("time", (pl.col("time") - pl.col("time").dt.truncate("1h")).alias("after"))
    late = after.filter(pl.col("after") > timedelta(milliseconds=989))
    assert late["time"].n_unique() == 15
    assert late["after"].max() == timedelta(minutes=23, seconds=53, milliseconds=40)
    notes = funding_notes(parse_funding(table, "hyperliquid", "BTC", NOW))
    assert notes[-1] == "15 payments are stamped more than a second after their hour, up to 1433 s"


def test_binance_funding(real_data: Path) -> None:
    table = pl.read_parquet(real_data / "funding/binance_usdm_funding.parquet")
    assert table.height == 987
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        found = parse_funding(table, "binance", symbol, NOW)
        assert found.height == 329
        assert found["period_hours"].unique().to_list() == [8.0]
        assert funding_notes(found) == ()


def test_recorded_funding_agrees_with_the_funding_file(real_data: Path) -> None:
    answer = recorded(real_data, "get_funding_history_None.json")["response"]
    rows = pl.DataFrame(answer).select(
        "coin",
        pl.col("time").cast(pl.Datetime("ms", "UTC")),
        pl.col("fundingRate").cast(pl.Float64).alias("funding_rate"),
    )
    found = parse_funding(rows, "recorded", "BTC", NOW)
    assert found.height == len(answer) == 1038
    assert "from 8 h to 1 h with the payment of 2023-06-08 01:00" in funding_notes(found)[0]
    kept = parse_funding(
        pl.read_parquet(real_data / "funding/hyperliquid_funding.parquet"), "file", "BTC", NOW
    )
    assert kept.head(1038).drop("rate").equals(found.drop("rate"))
    # the answer of 2023 was rounded to eight decimals
    assert (kept.head(1038)["rate"] - found["rate"]).abs().max() < 5.1e-9  # type: ignore[operator]


@pytest.mark.parametrize(
    ("name", "rows", "repeats"), [("fills_5m_2025-12-01", 1094, 105), ("fills_12h_2025-12-02", 2236, 209)]
)
def test_fills_by_wallet_and_their_repeats(real_data: Path, name: str, rows: int, repeats: int) -> None:
    found = parse_fill_lines(
        read_lines(real_data / f"unlicensed/hyperliquid_fills/{name}.jsonl.gz"), name, WINDOW
    )
    assert (found.rows.height, found.quarantine.height, found.lookalikes) == (rows, 0, repeats)


def test_recorded_fills(real_data: Path) -> None:
    answer = recorded(real_data, "get_user_fills.json")
    found = parse_user_fills(answer["response"], answer["request"]["user"], "recorded", WINDOW)
    assert (found.rows.height, found.quarantine.height) == (500, 0)


def test_recorded_hyperliquid_candles(real_data: Path) -> None:
    answer = recorded(real_data, "get_candles_snapshot.json")
    rows = raw_rows("hyperliquid", answer["response"], "kPEPE")
    asked = answer["request"]["req"]
    span = tuple(datetime.fromtimestamp(asked[name] / 1000, UTC) for name in ("startTime", "endTime"))
    found = read_candles(rows, "recorded", span, "1h", TABLE["hyperliquid"], NOW)  # type: ignore[arg-type]
    assert (found.sent, found.rows.height, found.quarantine.height) == (24, 24, 0)
    assert found.rows["open_time"].diff().drop_nulls().unique().to_list() == [HOUR]


def test_recorded_kraken_candles_end_with_the_bar_that_was_open(real_data: Path) -> None:
    answer = json.loads((real_data / "exchange_responses/kraken/http_ohlc.json").read_text(), parse_float=str)
    rows = raw_rows("kraken", answer, "any")
    opens = [datetime.fromtimestamp(int(row[0]), UTC) for row in rows]
    step = opens[1] - opens[0]
    timeframe = {timedelta(minutes=1): "1m", timedelta(minutes=5): "5m", HOUR: "1h"}[step]
    seen = opens[-1] + step / 2
    found = read_candles(rows, "recorded", (opens[0], seen), timeframe, TABLE["kraken"], seen)
    assert (found.sent, found.rows.height, found.unfinished) == (721, 720, 1)
    assert (found.rows["volume"] == 0).any(), "bars without a trade"


BITFINEX = {
    "BTCUSD": (259_781, 859, 67),
    "ETHUSD": (258_179, 2461, 83),
    "LTCUSD": (239_665, 20_975, 181),
    "XRPUSD": (250_265, 10_375, 181),
}
"""Rows, missing minutes, longest run of them."""


@pytest.mark.parametrize("symbol", BITFINEX)
def test_bitfinex_minutes_and_their_holes(real_data: Path, symbol: str) -> None:
    path = real_data / "unlicensed/bitfinex_1m" / f"bitfinex_{symbol}_1m_2018H1.parquet"
    found = parse_candle_table(pl.read_parquet(path), path.name, "1m", NOW)
    rows, missing, longest = BITFINEX[symbol]
    assert found.rows.height == rows
    assert found.quarantine.is_empty()
    between = found.rows["open_time"].diff().drop_nulls().dt.total_minutes() - 1
    assert between.max() == longest
    start, end = datetime(2018, 1, 1, tzinfo=UTC), datetime(2018, 7, 1, tzinfo=UTC)
    assert (end - start) // timedelta(minutes=1) - rows == missing


def test_bitfinex_pages_have_close_before_high_and_low(real_data: Path) -> None:
    """The twelve answers are what the minute file was made of; read as open, high, low, close they break."""
    pages = sorted((real_data / "unlicensed/bitfinex_rest_pages/XRPUSD").iterdir())
    parsed = [parse_bitfinex_page(path.read_bytes(), path.name, "1m", NOW) for path in pages]
    assert len(pages) == 12
    assert all(each.quarantine.is_empty() and each.rows.height <= 120 for each in parsed)
    assert (
        sum(each.rows.height for each in parsed) == sum(len(json.loads(p.read_text())) for p in pages) == 1423
    )
    ours = pl.concat(each.rows for each in parsed).drop("#line")
    path = real_data / "unlicensed/bitfinex_1m/bitfinex_XRPUSD_1m_2018H1.parquet"
    file = parse_candle_table(pl.read_parquet(path), path.name, "1m", NOW).rows.drop("#line")
    assert file.join(ours, on="open_time", how="semi").equals(ours.sort("open_time"))
    swapped = [[row[0], row[1], row[3], row[4], row[2], row[5]] for row in json.loads(pages[0].read_text())]
    broken = parse_bitfinex_page(json.dumps(swapped).encode(), "swapped", "1m", NOW)
    assert broken.quarantine.height > 50


@pytest.mark.parametrize(
    ("minutes", "timeframe", "rows", "missing"), [(5, "5m", 25_901, 19), (60, "1h", 2160, 0)]
)
def test_krakens_archive_of_candles(
    real_data: Path, minutes: int, timeframe: str, rows: int, missing: int
) -> None:
    path = real_data / f"unlicensed/kraken_ohlcvt/kraken_XBTUSD_{minutes}.csv.gz"
    found = parse_kraken_ohlcvt(gzip.decompress(path.read_bytes()), path.name, timeframe, NOW)
    assert found.rows.height == rows
    assert found.quarantine.is_empty()
    between = found.rows["open_time"].diff().drop_nulls().dt.total_minutes() // minutes - 1
    assert between.sum() == missing


SHAPES: list[tuple[str, Callable[[Any], int]]] = [
    ("coinbase/http_candles.json", lambda body: len(raw_rows("coinbase", body, "BTC-USD"))),
    ("hyperliquid/http_funding_history.json", len),
]


@pytest.mark.parametrize(("name", "count"), SHAPES)
def test_typed_answers_have_the_shape_that_the_readers_expect(
    real_data: Path, name: str, count: Callable[[Any], int]
) -> None:
    assert count(json.loads((real_data / "exchange_responses" / name).read_text(), parse_float=str)) > 0
