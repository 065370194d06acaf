"""A folder that has never been seen, the command line, the settings it prints, and the speed of an answer."""

import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import httpx
import polars as pl
import pytest

from pipelines.settings import Source, Universe
from tests.venue import Venue, VenueData, synthetic_candles
from tests.venue.guess import about_candles, read_folder
from tests.venue.names import split_symbol
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
