"""A folder that has never been seen, the command line, the settings it prints, and the speed of an answer."""

import gzip
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import httpx
import polars as pl
import pytest

from pipelines.settings import Source, Universe, parse
from resources.clock import Clock
from resources.sources.opening import open_source
from tests.venue import Venue, VenueData, synthetic_candles
from tests.venue.__main__ import main
from tests.venue.guess import about_candles, read_folder
from tests.venue.names import split_symbol
from tests.venue.whole_settings import whole_settings
from tests.venue.wire import Seen
from tests.venue_tests.clients import NOW, SINCE, START, client, data, fetch

HERE = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep" / "down").mkdir(parents=True)
    minutes, fives = synthetic_candles(START, 300), synthetic_candles(START, 300, "5m", seed=2)
    minutes.write_parquet(tmp_path / "coinbase_BTC-USD_1m.parquet")
    minutes.with_columns(pl.col("open_time").dt.cast_time_unit("ms")).write_parquet(
        tmp_path / "binance_usdm_ETHUSDT_1m.parquet"
    )
    fives.write_parquet(tmp_path / "deep" / "hyperliquid_BTC_5m.parquet")
    fives.write_parquet(tmp_path / "deep" / "down" / "whatever.parquet")
    fives.write_parquet(tmp_path / "equity_AAPL_5m.parquet")
    funding = pl.DataFrame({"coin": ["BTC", "SOL"], "time": [START, START], "funding_rate": [1e-5, 2e-5]})
    funding.write_parquet(tmp_path / "rates.parquet")
    (tmp_path / "deribit_trades_2024-03-01_BTC-PERPETUAL.csv.gz").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("not served")
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "unrelated.parquet")
    return tmp_path


def test_every_servable_file_is_found_and_named(folder):
    found = read_folder(folder)

    assert set(found.candles) == {
        ("coinbase", "BTC-USD", "1m"),
        ("any", "ETH-USDT", "1m"),
        ("hyperliquid", "BTC-USDC", "5m"),
        ("any", "WHATEVER-USD", "5m"),
    }
    assert set(found.stocks) == {("AAPL", "5m")}
    assert set(found.funding) == {"BTC", "SOL"}
    assert list(found.shelf) == [("deribit", "trades", "2024-03-01", "BTC-PERPETUAL")]
    assert found.symbols("kraken") == ["ETH-USDT", "WHATEVER-USD"]


def test_the_spacing_of_the_bars_beats_the_name():
    frame = synthetic_candles(START, 50, "15m")
    assert about_candles(Path("coinbase_BTC-USD_1m.parquet"), frame) == ("coinbase", "BTC-USD", "15m")
    assert about_candles(Path("kraken_XBTUSD.parquet"), frame.head(1)) == ("kraken", "BTC-USD", "1m")


SPELLINGS = {
    "BTCUSDT": "BTC-USDT",
    "XBT/USD": "BTC-USD",
    "XBTUSD": "BTC-USD",
    "ADA/XBT": "ADA-BTC",
    "btc": "BTC-USD",
    "ETH-PERPETUAL": "ETH-USD",
}


@pytest.mark.parametrize(("text", "symbol"), list(SPELLINGS.items()))
def test_symbols_are_read_from_many_spellings(text, symbol):
    assert split_symbol(text) == symbol


def test_a_folder_without_anything_is_refused(tmp_path):
    with pytest.raises(ValueError, match="nothing to serve"):
        read_folder(tmp_path)


def test_a_venue_that_is_not_served_is_refused():
    with pytest.raises(ValueError, match="binance"):
        VenueData(candles={("binance", "BTC-USDT", "1m"): synthetic_candles(START, 3)})


def test_the_settings_point_every_client_at_the_server(folder):
    with Venue(folder) as venue:
        settings = tomllib.loads(venue.settings())
        source = Source(**settings["source"]).venues
        universe = Universe(**settings["universe"])
        alone = tomllib.loads(venue.source_settings())

    assert {x.venue: x.base_url for x in source.exchanges} == {
        name: f"{venue.url}/{name}" for name in ("coinbase", "kraken", "hyperliquid", "alpaca")
    }
    assert source.tardis.markets == {"deribit.BTC-USD": "deribit:BTC-PERPETUAL"}
    assert source.exchange("hyperliquid").name_of("BTC-USDC") == "BTC/USDC:USDC"
    by_symbol = {x.symbol: x for x in universe.symbols}
    assert by_symbol["BTC-USD"].primary == "coinbase.BTC-USD"
    assert by_symbol["BTC-USD"].second == "deribit.BTC-USD"
    assert by_symbol["AAPL-USD"].calendar == "XNYS"
    assert universe.timeframes == ("1m", "5m")
    assert alone == {"source": settings["source"]}


def told_of(folder):
    """What is served, and the lines about what is not."""
    lines = []
    return read_folder(folder, tell=lines.append), lines


def broken_parquet(path):
    path.write_bytes(b"PAR1junk")


def no_gzip(path):
    path.write_bytes(b"not a gzip")


def cut_capture(path):
    path.write_bytes(gzip.compress(b'1700000000000000000 {"a": 1}\n' * 900)[:-30])


def whole_milliseconds(path):
    frame = synthetic_candles(START, 30).with_columns(pl.col("open_time").dt.epoch("ms"))
    frame.write_parquet(path)


def no_rows(path):
    synthetic_candles(START, 30).head(0).write_parquet(path)


def empty_stamps(path):
    synthetic_candles(START, 30).with_columns(
        pl.when(pl.col("close") < 0).then("open_time").alias("open_time")
    ).write_parquet(path)


def ten_minutes(path):
    synthetic_candles(START, 30, "10m").write_parquet(path)


def minutes(path):
    synthetic_candles(START, 30).write_parquet(path)


ODD = [
    ("broken.parquet", broken_parquet, "it is no whole Parquet file"),
    ("hyperliquid_x.gz", no_gzip, "it is no whole capture"),
    ("hyperliquid_y.gz", cut_capture, "it is no whole capture"),
    ("cryptofeed_KRAKEN.jsonl.zst", no_gzip, "it is no whole capture"),
    ("BTCUSDT_1m.parquet", whole_milliseconds, "its open_time is Int64, expected a date and time"),
    ("SOLUSDT_1m.parquet", no_rows, "it has no rows"),
    ("SOLUSD_1m.parquet", empty_stamps, "30 rows have no open_time"),
    ("LTCUSDT_10m.parquet", ten_minutes, "its bars are of 10m, expected one of 1m, 5m"),
    ("Bitcoin prices 2025.parquet", minutes, "its name says 'BITCOIN PRICES 2025-USD', expected a symbol"),
]


@pytest.mark.parametrize(("name", "write", "reason"), ODD, ids=[name for name, _, _ in ODD])
def test_a_file_that_cannot_be_served_is_left_out_and_said(folder, name, write, reason):
    known = read_folder(folder)
    write(folder / name)
    found, lines = told_of(folder)
    assert [line for line in lines if line.startswith(f"{folder / name} is left out: {reason}")]
    assert set(found.candles) == set(known.candles)
    assert set(found.tapes) == set(known.tapes)


def test_a_broken_file_of_the_archive_is_served_and_said(folder):
    """How a client takes a broken file is what the venue is for."""
    found, lines = told_of(folder)
    assert ("deribit", "trades", "2024-03-01", "BTC-PERPETUAL") in found.shelf
    assert [line for line in lines if "BTC-PERPETUAL.csv.gz is served as it is, though it is broken" in line]


def test_two_files_of_one_market_that_disagree_are_said(tmp_path):
    frame = synthetic_candles(START, 50)
    frame.write_parquet(tmp_path / "binance_BTCUSDT_1m.parquet")
    frame.with_columns(pl.col("close") + 1).write_parquet(tmp_path / "okx_BTCUSDT_1m.parquet")
    found, lines = told_of(tmp_path)
    assert lines == [
        "any BTC-USDT 1m: 50 bars differ from one row to another in binance_BTCUSDT_1m.parquet, "
        "okx_BTCUSDT_1m.parquet: the first of each is served."
    ]
    assert found.candles["any", "BTC-USDT", "1m"]["close"].equals(frame["close"])
    frame.write_parquet(tmp_path / "okx_BTCUSDT_1m.parquet")
    assert told_of(tmp_path)[1] == []


def test_the_printed_settings_of_a_mixed_folder_open_a_source(folder):
    for name, write, _ in ODD:
        write(folder / name)
    stamp = int(START.timestamp()) * 10**9
    line = b'%d {"channel":"l2Book","data":{"coin":"BTC","time":%d,"levels":[[],[]]}}\n'
    (folder / "hyperliquid_l2book_btc.gz").write_bytes(gzip.compress(line % (stamp, stamp // 10**6)))
    with Venue(folder) as venue:
        text = whole_settings(venue.url, venue.data)
    settings = parse(text, {}, "printed")
    open_source(settings, Clock(), folder).check()
    assert {symbol.symbol for symbol in settings.universe.symbols} == {
        *("BTC-USD", "ETH-USDT", "WHATEVER-USD", "AAPL-USD", "BTC-USDC", "ETH-USDC", "WHATEVER-USDC")
    }
    assert settings.universe.timeframes == ("1m", "5m")


def test_the_second_market_is_never_the_same_bars(tmp_path):
    """One file is served by all venues: a second opinion of the same mouth is none."""
    frame = synthetic_candles(START, 50)
    frame.write_parquet(tmp_path / "BTCUSDT_1m.parquet")
    frame.write_parquet(tmp_path / "coinbase_ETH-USD_1m.parquet")
    frame.with_columns(pl.col("volume") * 2).write_parquet(tmp_path / "kraken_ETH-USD_1m.parquet")
    with Venue(tmp_path) as venue:
        universe = Universe(**tomllib.loads(venue.settings())["universe"])
    assert {x.symbol: x.second for x in universe.symbols} == {
        "BTC-USDT": None,
        "BTC-USDC": None,
        "ETH-USD": "kraken.ETH-USD",
    }


def test_where_only_funding_is_served_the_printed_text_says_why_it_is_no_settings(tmp_path):
    rates = {"coin": ["BTC"] * 3, "time": [START] * 3, "funding_rate": [1e-5] * 3}
    pl.DataFrame(rates).write_parquet(tmp_path / "f.parquet")
    with Venue(tmp_path) as venue:
        text = whole_settings(venue.url, venue.data)
    assert text.startswith("# No settings can be printed: a universe needs candles or ticks")
    assert all(line.startswith("#") for line in text.splitlines())
    source = "\n".join(line.removeprefix("# ") for line in text.splitlines()[1:])
    assert tomllib.loads(source)["source"]["kind"] == "venues"


@pytest.mark.parametrize("make", [True, False], ids=["empty", "missing"])
def test_nothing_to_serve_is_one_sentence_and_exit_code_two(tmp_path, monkeypatch, capsys, make):
    folder = tmp_path / "folder"
    if make:
        folder.mkdir()
    monkeypatch.setattr(sys, "argv", ["tests.venue", "--data", str(folder)])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    assert left.value.code == 2
    assert said.out == ""
    assert said.err.splitlines() == [said.err.strip()]
    assert str(folder) in said.err


@pytest.mark.slow
def test_the_command_serves_a_folder_and_prints_its_settings(folder):
    command = [
        sys.executable,
        "-m",
        "tests.venue",
        "--data",
        str(folder),
        "--port",
        "0",
        "--now",
        "2025-01-01T03:00:30",
    ]
    process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True)
    try:
        lines = [process.stdout.readline()]
        while "markets = " not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], "".join(lines)
        settings = tomllib.loads("".join(lines))
        base = settings["source"]["venues"]["exchanges"][0]["base_url"].removesuffix("/coinbase")
        answer = httpx.get(f"{base}/kraken/0/public/Time", trust_env=False).json()
    finally:
        process.terminate()
        process.communicate(timeout=20)

    assert answer["result"]["unixtime"] == SINCE // 1000 + 3 * 3600 + 30
    assert process.returncode == 0


@pytest.mark.real
@pytest.mark.parametrize("name", ["coinbase", "hyperliquid"])
def test_real_candles_are_served_as_they_are(real_data, name):
    file = "binance_usdm_BTCUSDT_1m.parquet" if name == "coinbase" else "hyperliquid_BTC_1m.parquet"
    frame = pl.read_parquet(real_data / "ohlcv_1m" / file).slice(2000, 300)
    given = frame.with_columns(pl.col("open_time").dt.epoch("ms"))
    symbol = "BTC/USDT" if name == "coinbase" else "BTC/USDC:USDC"
    first, last = given["open_time"][0], given["open_time"][-1]
    with Venue(real_data / "ohlcv_1m") as venue:
        rows = client(venue, name).fetch_ohlcv(symbol, "1m", first, 300, {"until": last})

    assert rows == [list(row) for row in given.rows()]


def test_the_venue_can_be_asked_in_process_and_fast():
    with Venue(data(), NOW) as venue:
        span = {
            "granularity": "ONE_MINUTE",
            "start": str(SINCE // 1000),
            "end": str(SINCE // 1000 + 299 * 60),
        }
        path = "/coinbase/api/v3/brokerage/market/products/BTC-USD/candles"
        took = []
        for _ in range(30):
            begun = perf_counter()
            reply = venue.respond(Seen(0.0, datetime.now(UTC), "GET", path, span, b"", {}))
            took.append(perf_counter() - begun)
        exchange = client(venue, "coinbase")
        exchange.load_markets()
        fetch(exchange, "coinbase", 300)

    assert reply.body.count(b'"start"') == 297
    assert sorted(took)[10] < 0.006, "3 ms is the aim on an idle core"


def test_a_bug_in_the_venue_is_not_mistaken_for_a_fault():
    venue = Venue(data(), NOW).__enter__()
    venue.data.series["kraken", "BTC-USD", "1m"].times = None
    answer = httpx.get(f"{venue.url}/kraken/0/public/OHLC?pair=XBTUSD", trust_env=False)

    assert answer.status_code == 500
    assert "bug in the test venue" in answer.text
    with pytest.raises(RuntimeError, match="failed 1 times"):
        venue.__exit__(None, None, None)


def test_the_clock_can_be_moved():
    with Venue(data(), NOW) as venue:
        venue.advance(60)
        assert client(venue, "kraken").fetch_time() == int((NOW + timedelta(minutes=1)).timestamp()) * 1000
        venue.now = None
        assert abs(client(venue, "kraken").fetch_time() / 1000 - datetime.now(UTC).timestamp()) < 5
