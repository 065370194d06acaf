"""Ticks, funding, fills and shares over real clients: the archive, an exchange's own trades, followed wallets.

What is served is the synthetic market written in each venue's own form, so what comes out is known exactly.
"""

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipelines.market import synthetic
from pipelines.market.calendars import calendar_of
from pipelines.market.schemas import ORDER_BOOK, TRADES
from tests.assets.world import REST, World, metadata, why
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)]
CONFIG = synthetic.SyntheticConfig(trades_per_day=2_000, book_per_day=1_500)
TARDIS = "2026-03-01|binance-futures.BTC-USDT"
COINBASE = "2026-03-01|coinbase.BTC-USD"


def universe(*markets: str, more: str = "", timeframe: str = "1m") -> str:
    text = f'[universe]\nstart = 2026-03-01\nend = 2026-03-02\ntimeframes = ["{timeframe}"]\nwindows = []\n'
    for market in markets:
        text += f'[[universe.symbols]]\nsymbol = "{market.partition(".")[2]}"\nprimary = "{market}"\n{more}\n'
    return text


def world(root: Path, instance: dg.DagsterInstance, text: str, source: str) -> World:
    symbol = text.partition('symbol = "')[2].partition('"')[0]
    timeframe = text.partition('timeframes = ["')[2].partition('"')[0]
    rest = REST.replace("BTC-USD", symbol).replace('"1h"', f'"{timeframe}"')
    return World(root, instance, text + source + rest)


def stamps(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows in the first columns of the archive's layout."""
    return frame.select(
        pl.lit("binance-futures").alias("exchange"),
        pl.lit("BTCUSDT").alias("symbol"),
        pl.col("time").to_physical().alias("timestamp"),
        pl.col("local_time").to_physical().alias("local_timestamp"),
        pl.exclude("time", "local_time"),
    )


def trade_file(trades: pl.DataFrame) -> bytes:
    side = pl.when(pl.col("side") == 1).then(pl.lit("buy")).otherwise(pl.lit("sell")).alias("side")
    columns = ["exchange", "symbol", "timestamp", "local_timestamp", "id", "side", "price", "amount"]
    return gzip.compress(stamps(trades).with_columns(side).select(columns).write_csv().encode())


def book_file(book: pl.DataFrame, levels: int = 25) -> bytes:
    places = [
        (s, w, n)
        for n in range(levels)
        for s, w in (("ask", "price"), ("ask", "amount"), ("bid", "price"), ("bid", "amount"))
    ]
    values = [
        (pl.col(f"{s}_{w}_{n + 1}") if n < 10 else pl.lit(None)).alias(f"{s}s[{n}].{w}") for s, w, n in places
    ]
    head = ["exchange", "symbol", "timestamp", "local_timestamp"]
    return gzip.compress(stamps(book).select(*head, *values).write_csv().encode())


def increments(book: pl.DataFrame) -> bytes:
    """The same books as level updates: a whole snapshot first, then the levels that changed."""
    before: dict[tuple[str, float], float] = {}
    rows = []
    for number, row in enumerate(book.iter_rows(named=True)):
        now = {
            (side, row[f"{side}_price_{n}"]): row[f"{side}_amount_{n}"]
            for side in ("bid", "ask")
            for n in range(1, 11)
            if row[f"{side}_price_{n}"] is not None
        }
        changed = {key: now.get(key, 0.0) for key in {**before, **now} if before.get(key) != now.get(key)}
        at = int(row["time"].timestamp() * 1e6)
        rows += [
            ("binance-futures", "BTCUSDT", at, at + 100_000, str(number == 0).lower(), side, price, amount)
            for (side, price), amount in changed.items()
        ]
        before = now
    names = ["exchange", "symbol", "timestamp", "local_timestamp", "is_snapshot", "side", "price", "amount"]
    return gzip.compress(pl.DataFrame(rows, schema=names, orient="row").write_csv().encode())


def archive(kinds: dict[str, Callable[[date], bytes]]) -> VenueData:
    files = {
        ("binance-futures", kind, day.isoformat(), "BTCUSDT"): made(day)
        for kind, made in kinds.items()
        for day in DAYS
    }
    outage = {
        "from": "2026-03-01T05:00:00.000Z", "to": "2026-03-01T05:07:00.000Z",
        "status": "resolved", "details": "collector outage",
    }  # fmt: skip
    return VenueData(tardis_files=files, incidents={"binance-futures": [outage]})


def trades_of(day: date) -> pl.DataFrame:
    return synthetic.trades(CONFIG, "BTC-USDT", day)


def book_of(day: date) -> pl.DataFrame:
    return synthetic.order_book(CONFIG, "BTC-USDT", day)


@pytest.mark.parametrize("engine", ["tardis-dev", "tardis-client"])
def test_the_archives_files_become_the_ticks_of_their_day(
    engine: str, tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TARDIS_API_KEY", "a-tardis-key")
    kinds = {
        "trades": lambda d: trade_file(trades_of(d)),
        "book_snapshot_25": lambda d: book_file(book_of(d)),
    }
    with Venue(archive(kinds)) as venue:
        source = venue.source_settings().replace("markets", f'engine = "{engine}"\nmarkets')
        road = world(tmp_path, instance, universe("binance-futures.BTC-USDT"), source)
        done = road.run("ingest_ticks", TARDIS, TARDIS)
    assert done.success, why(done)
    keys = {"market": "binance-futures.BTC-USDT", "date": "2026-03-01"}
    assert road.lake.read("trades", keys)["price"].to_list() == trades_of(DAYS[1])["price"].to_list()
    assert (
        road.lake.read("order_book", keys)["bid_price_10"].to_list()
        == book_of(DAYS[1])["bid_price_10"].to_list()
    )
    assert "outage 03-01 05:00:00 to 03-01 05:07:00" in metadata(done, "trades")["notes"]
    told = road.lake.read("tick_evidence", {"market": keys["market"], "told_of": "trades"})
    assert told["kind"].to_list() == ["venue-down"]


def test_increments_are_rebuilt_into_the_same_books(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TARDIS_API_KEY", "a-tardis-key")
    kinds = {
        "trades": lambda d: trade_file(trades_of(d)),
        "incremental_book_L2": lambda d: increments(book_of(d)),
    }
    with Venue(archive(kinds)) as venue:
        source = venue.source_settings().replace("markets", 'book = "incremental_book_L2"\nmarkets')
        road = world(tmp_path, instance, universe("binance-futures.BTC-USDT"), source)
        done = road.run("ingest_ticks", TARDIS, TARDIS)
    assert done.success, why(done)
    rebuilt = road.lake.read("order_book", {"market": "binance-futures.BTC-USDT", "date": "2026-03-01"})
    expected = book_of(DAYS[1])
    both = rebuilt.join(expected, on="time", suffix="_true")
    assert both.height > 0.95 * expected.height  # equal neighbours are one state
    for name in list(ORDER_BOOK)[2:]:
        assert both[name].equals(both[f"{name}_true"]), name


def test_an_exchanges_own_trades_make_the_minutes_of_its_candles(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    candles = synthetic_candles(START, 1440)
    data = VenueData(candles={("coinbase", "BTC-USD", "1m"): candles}, derive_trades=True)
    with Venue(data, now=START + timedelta(days=1, seconds=30)) as venue:
        source = venue.source_settings().replace("requests_per_second", "trades = true\nrequests_per_second")
        road = world(tmp_path, instance, universe("coinbase.BTC-USD"), source)
        done = road.run("ingest_trades", COINBASE, COINBASE)
        assert done.success, why(done)
        minutes = road.lake.read("minute_bars", {"market": "coinbase.BTC-USD"})
    for name in ("open", "high", "low", "close"):
        assert minutes[name].to_list() == candles[name].cast(pl.Float64).to_list(), name
    assert minutes["volume"].to_list() == pytest.approx(
        candles["volume"].cast(pl.Float64).to_list(), rel=1e-9
    )
    assert road.lake.read("trades", {"market": "coinbase.BTC-USD", "date": "2026-03-01"}).drop(
        "market", "date", strict=False
    ).schema == pl.Schema(TRADES)


def test_a_book_of_today_is_recorded_and_kept(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    today = datetime.now(UTC).date()
    begin = datetime(today.year, today.month, today.day, tzinfo=UTC)
    data = VenueData(
        candles={("kraken", "BTC-USD", "1m"): synthetic_candles(begin - timedelta(days=1), 2880)}
    )
    text = (
        universe("kraken.BTC-USD")
        .replace("2026-03-01", str(today))
        .replace("2026-03-02", str(today + timedelta(days=1)))
    )
    with Venue(data) as venue:
        source = venue.source_settings().replace("requests_per_second", "trades = true\nrequests_per_second")
        road = world(tmp_path, instance, text, source)
        from pipelines.market.symbols import Market
        from resources.clock import Clock
        from resources.sources.opening import open_source

        opened = open_source(road.settings, Clock(), tmp_path)
        first = opened.order_book(Market.parse("kraken.BTC-USD"), today)
        second = opened.order_book(Market.parse("kraken.BTC-USD"), today)
    assert first.frame.height == 1
    assert second.frame.height in (1, 2)  # the same book within one microsecond-stamp is one row
    row = second.frame.row(-1, named=True)
    assert row["bid_price_1"] < row["ask_price_1"]
    assert row["bid_price_10"] is not None


def test_hyperliquid_funding_and_wallets(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    hours = [START + timedelta(hours=n) for n in range(-1440, 24)]
    funding = pl.DataFrame({"time": hours, "funding_rate": [0.0000125 * (n % 5 - 1) for n in range(1464)]})
    wallet = "0x" + "ab" * 20
    fills = [
        {"coin": "BTC", "px": f"{60_000 + n}.5", "sz": "0.01", "side": "A" if n % 3 else "B",
         "time": int((START + timedelta(minutes=7 * n)).timestamp() * 1000), "tid": 900 + n}
        for n in range(50)
    ]  # fmt: skip
    data = VenueData(
        candles={("hyperliquid", "BTC-USDC", "1m"): synthetic_candles(START, 1440)},
        funding={"BTC": funding},
        fills={wallet: fills},
    )
    with Venue(data, now=START + timedelta(days=1, seconds=30)) as venue:
        source = venue.source_settings().replace(
            "requests_per_second", f'wallets = ["{wallet}"]\nrequests_per_second', 1
        )
        text = universe("hyperliquid.BTC-USDC").replace("start = 2026-03-01", "start = 2025-12-31")
        road = world(tmp_path, instance, text, source)
        paid, filled = road.run("ingest_funding", "BTC-USDC"), road.run("ingest_wallet_fills", "BTC-USDC")
        before = road.lake.read("funding", {"symbol": "BTC-USDC"})
        history = len(venue.of_kind("funding"))
        venue.clear()
        assert road.run("ingest_funding", "BTC-USDC").success
        assert len(venue.of_kind("funding")) < history  # the last days only
        assert road.lake.read("funding", {"symbol": "BTC-USDC"}).equals(before)
    assert paid.success, why(paid)
    assert filled.success, why(filled)
    stored = road.lake.read("funding", {"symbol": "BTC-USDC"})
    assert stored["rate"].to_list() == pytest.approx(funding["funding_rate"].to_list())
    assert set(stored["period_hours"]) == {1.0}
    rows = road.lake.read("wallet_fills", {"symbol": "BTC-USDC"})
    assert rows.height == 50
    assert rows.filter(pl.col("price") == 60_000.5)["side"].to_list() == [1]  # B is the bid: bought
    assert rows.filter(pl.col("price") == 60_001.5)["side"].to_list() == [-1]  # A is the ask: sold
    assert "no cohort can be formed" in metadata(filled, "wallet_fills")["cohorts"]


def test_a_share_has_its_session_and_nothing_else(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Across the change of the clocks: 78 bars a day, an hour earlier in UTC from 2026-03-09 on.

    No recorded answer of Alpaca's stock bars exists here; the form is that of its documentation.
    """
    monkeypatch.setenv("ALPACA_API_KEY", "a-key-of-alpaca")
    monkeypatch.setenv("ALPACA_API_SECRET", "a-secret-of-alpaca")
    begin, end = datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC)
    candles = synthetic_candles(begin, 7 * 288, timeframe="5m")
    data = VenueData(stocks={("AAPL", "5m"): candles})
    text = universe("alpaca.AAPL-USD", more='calendar = "XNYS"', timeframe="5m")
    text = text.replace("2026-03-01", "2026-03-05").replace("2026-03-02", "2026-03-12")
    with Venue(data, now=end + timedelta(minutes=10)) as venue:
        road = world(tmp_path, instance, text, venue.source_settings())
        done = road.run("ingest_candles", "AAPL-USD|5m")
        assert done.success, why(done)
        built = road.run("build_bars_and_features", "AAPL-USD|5m")
    bars = road.lake.read("bars", {"symbol": "AAPL-USD", "timeframe": "5m"})
    opens = calendar_of("XNYS").opens(begin, end, "5m")
    assert bars["open_time"].to_list() == opens.to_list()
    assert set(bars.group_by(pl.col("open_time").dt.date()).len()["len"]) == {78}
    hours = {f"{t:%m-%d %H:%M}" for t in bars["open_time"]}
    assert {"03-06 14:30", "03-09 13:30"} <= hours
    assert metadata(built, "bars")["coverage"]["unknown"] == 0
