"""Stocks, second markets and wallets' fills through FilesSource: made-up files first, then the real ones.

What the real files are known to hold (shared/data/README.md): 78 five-minute bars a session, a half day, a day cut
off by its collector, the time change of 2026-03-09, and Apple's split of 2014-06-09 in the middle of one bar.
"""

import gzip
import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from pipelines.errors import BadData, BadSettings, MissingData, UnknownName
from pipelines.market.calendars import calendar_of
from pipelines.market.candle_cuts import ALONE, OUTSIDE
from pipelines.market.file_entry import FileEntry
from pipelines.market.schemas import CANDLES, FILLS
from pipelines.market.symbols import Market
from resources.sources import Delivery, FilesSource, Incremental, Source

NOW = datetime(2026, 11, 1, tzinfo=UTC)
EVER = (datetime(1995, 1, 1, tzinfo=UTC), NOW)
AAPL = "nasdaq.AAPL-USD"
NEW_YORK = ZoneInfo("America/New_York")
LEAN_AAPL = FileEntry(
    "lean/equity/usa/minute/aapl/*_trade.zip",
    "ohlcv",
    AAPL,
    timeframe="1m",
    layout="lean_equity",
    calendar="XNYS",
)


def put_zip(path: Path, text: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(path.name.replace("_trade.zip", "_x_minute_trade.csv"), text)
    path.write_bytes(buffer.getvalue())


def yahoo(name: str, timeframe: str = "5m") -> FileEntry:
    market = f"yahoo.{name}-USD"
    path = f"unlicensed/us_equities_yahoo/{name}_{timeframe}.csv.gz"
    return FileEntry(path, "ohlcv", market, timeframe=timeframe, calendar="XNYS")


def per_day(delivery: Delivery) -> dict[date, int]:
    days = delivery.frame.group_by(pl.col("open_time").dt.date().alias("day")).len().sort("day")
    return dict(days.iter_rows())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"layout": "lean"}, "has layout 'lean': expected one of lean_equity, lean_crypto, kraken_ohlcvt"),
        ({"kind": "funding", "timeframe": None, "layout": "lean_equity"}, "has a layout or calendar"),
        ({"kind": "fills", "timeframe": None, "calendar": "XNYS"}, "has a layout or calendar"),
        ({"kind": "fills"}, "has timeframe 1m"),
        (
            {"calendar": "XNYS", "timeframe": "1h"},
            "timeframe 1h does not divide the sessions of calendar XNYS",
        ),
    ],
)
def test_entries_of_stocks_that_mean_nothing_are_refused(changes: dict[str, str], sentence: str) -> None:
    fields = {"glob": "a*.zip", "kind": "ohlcv", "market": AAPL, "timeframe": "1m"} | changes
    with pytest.raises(BadSettings, match=sentence):
        FileEntry(**fields)


def test_an_unknown_calendar_is_refused_before_any_file_is_opened() -> None:
    with pytest.raises(UnknownName, match="calendar 'NYSX' is not known"):
        FileEntry("a.csv", "ohlcv", AAPL, timeframe="1m", calendar="NYSX")


def test_bars_before_and_after_the_session_are_set_aside_and_none_is_lost(tmp_path: Path) -> None:
    """Two days around the time change; the session is the same hours in New York and other hours in UTC."""
    minutes = [4 * 60, 9 * 60 + 29, 9 * 60 + 30, 15 * 60 + 59, 16 * 60, 19 * 60 + 59]
    for day in ("20260306", "20260309"):
        rows = "\n".join(f"{minute * 60_000},100000,100100,99900,100000,5" for minute in minutes)
        put_zip(tmp_path / f"{day}_trade.zip", rows)
    entry = FileEntry("*_trade.zip", "ohlcv", AAPL, timeframe="1m", layout="lean_equity", calendar="XNYS")
    source: Source = FilesSource([entry], tmp_path, NOW)
    delivery = source.candles("AAPL-USD", "1m", *EVER)
    assert delivery.frame["open_time"].to_list() == [
        datetime(2026, 3, 6, 14, 30, tzinfo=UTC),
        datetime(2026, 3, 6, 20, 59, tzinfo=UTC),
        datetime(2026, 3, 9, 13, 30, tzinfo=UTC),
        datetime(2026, 3, 9, 19, 59, tzinfo=UTC),
    ]
    assert delivery.quarantine["reason"].to_list() == [OUTSIDE] * 8
    assert delivery.sent == 12
    assert not isinstance(source, Incremental)
    weekend = datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 3, 9, 13, tzinfo=UTC)
    with pytest.raises(MissingData, match=r"and 2 set aside, the first because: outside the regular session"):
        source.candles("AAPL-USD", "1m", *weekend)


def put_share(folder: Path, form: str, hours: tuple[int, int] = (0, 390)) -> FileEntry:
    """Five-minute candles of five winter days, from so many minutes after the opening in New York to so many."""
    rows = ["open_time,open,high,low,close,volume"]
    for day in range(2, 7):
        opening = datetime(2026, 3, day, 9, 30, tzinfo=NEW_YORK)
        for minute in range(*hours, 5):
            at = opening + timedelta(minutes=minute)
            moment = at if form.startswith("local ") else at.astimezone(UTC)
            rows.append(f"{moment.strftime(form.removeprefix('local '))},100,101,99,100.5,10")
    (folder / "share.csv").write_text("\n".join([*rows, ""]))
    return FileEntry("share.csv", "ohlcv", AAPL, timeframe="5m", calendar="XNYS")


@pytest.mark.parametrize(
    "form", ["local %Y-%m-%d %H:%M:%S", "local %Y-%m-%dT%H:%M:%S", "local %Y-%m-%d %H:%M"]
)
def test_times_of_the_exchanges_own_zone_are_not_read_as_utc(tmp_path: Path, form: str) -> None:
    """As UTC four fifths of them would lie before the opening, and the rest hours too early."""
    source = FilesSource([put_share(tmp_path, form)], tmp_path, NOW)
    said = r"share\.csv has 300 of 390 candles outside the sessions of XNYS when its times, which name no time zone"
    with pytest.raises(BadData, match=said):
        source.candles("AAPL-USD", "5m", *EVER)


@pytest.mark.parametrize(
    ("form", "noted"), [("%Y-%m-%d %H:%M:%S", True), ("%Y-%m-%dT%H:%M:%SZ", False), ("%s", False)]
)
def test_times_in_utc_are_read_and_those_that_do_not_say_so_are_noted(
    tmp_path: Path, form: str, noted: bool
) -> None:
    source = FilesSource([put_share(tmp_path, form)], tmp_path, NOW)
    delivery = source.candles("AAPL-USD", "5m", *EVER)
    assert per_day(delivery) == {date(2026, 3, day): 78 for day in range(2, 7)}
    assert ("times without a zone were read as UTC" in delivery.notes) is noted


@pytest.mark.parametrize(("form", "read"), [("%Y-%m-%dT%H:%M:%SZ", True), ("%Y-%m-%d %H:%M:%S", False)])
def test_bars_beside_the_session_are_set_aside_only_where_the_zone_is_known(
    tmp_path: Path, form: str, read: bool
) -> None:
    """From 04:00 to 20:00 in New York, as many vendors sell it."""
    source = FilesSource([put_share(tmp_path, form, (-330, 630))], tmp_path, NOW)
    if not read:
        with pytest.raises(BadData, match="570 of 960 candles outside the sessions"):
            source.candles("AAPL-USD", "5m", *EVER)
        return
    delivery = source.candles("AAPL-USD", "5m", *EVER)
    assert (delivery.frame.height, delivery.quarantine.height) == (390, 570)


def test_only_the_zips_of_the_days_asked_for_are_opened(tmp_path: Path) -> None:
    put_zip(tmp_path / "20260309_trade.zip", "34200000,100000,100100,99900,100000,5")
    (tmp_path / "20200309_trade.zip").write_bytes(b"broken")
    entry = FileEntry("*_trade.zip", "ohlcv", AAPL, timeframe="1m", layout="lean_equity")
    source = FilesSource([entry], tmp_path, NOW)
    day = datetime(2026, 3, 9, tzinfo=UTC)
    assert source.candles("AAPL-USD", "1m", day, day + timedelta(days=1)).frame.height == 1
    with pytest.raises(BadData, match=r"20200309_trade\.zip cannot be unpacked"):
        source.candles("AAPL-USD", "1m", *EVER)
    with pytest.raises(MissingData, match="found files of other days only"):
        source.candles("AAPL-USD", "1m", datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 2, 1, tzinfo=UTC))


def put_candles(folder: Path, name: str, price: float, hours: int = 3) -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    rows = [(start + timedelta(hours=h), price, price + 1, price - 1, price, 1.0) for h in range(hours)]
    pl.DataFrame(rows, schema=CANDLES, orient="row").write_parquet(folder / name)


def entries(*venues: str | None) -> list[FileEntry]:
    return [
        FileEntry(f"{venue}.parquet", "ohlcv", f"{venue}.BTC-USD" if venue else None, "BTC-USD", "1h")
        for venue in venues
    ]


def test_the_primary_market_gives_the_candles_and_the_other_is_the_second(tmp_path: Path) -> None:
    put_candles(tmp_path, "kraken.parquet", 100.0)
    put_candles(tmp_path, "coinbase.parquet", 101.0, hours=2)
    for order in (("kraken", "coinbase"), ("coinbase", "kraken")):
        primaries = {"BTC-USD": Market("coinbase", "BTC-USD")}
        source = FilesSource(entries(*order), tmp_path, NOW, primaries=primaries)
        assert source.candles("BTC-USD", "1h", *EVER).frame["open"].to_list() == [101.0] * 2
        second = source.second_candles("BTC-USD", "1h", *EVER)
        assert second is not None
        assert second.frame["open"].to_list() == [100.0] * 3
        assert source.candle_market("BTC-USD", "1h") == Market("coinbase", "BTC-USD")
        assert source.second_market("BTC-USD", "1h") == Market("kraken", "BTC-USD")
        with pytest.raises(MissingData, match="hold no 1h candle"):
            source.second_candles(
                "BTC-USD", "1h", datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC)
            )
    alone = FilesSource(entries("kraken"), tmp_path, NOW, primaries=primaries)
    assert alone.candle_market("BTC-USD", "1h") == Market("kraken", "BTC-USD")
    assert alone.second_candles("BTC-USD", "1h", *EVER) is None
    assert alone.second_market("BTC-USD", "1h") is None


@pytest.mark.parametrize(
    ("venues", "primary", "expected"),
    [
        (("kraken", "coinbase"), None, "expected one market"),
        (
            ("kraken", "coinbase"),
            "alpaca",
            "expected alpaca.BTC-USD, its primary market, and at most one other",
        ),
        (("kraken", "coinbase", "alpaca"), "alpaca", "and at most one other"),
        (("alpaca", None), "alpaca", "from markets alpaca.BTC-USD and None: expected alpaca.BTC-USD"),
    ],
)
def test_markets_among_which_none_can_be_chosen_are_refused(
    tmp_path: Path, venues: tuple[str | None, ...], primary: str | None, expected: str
) -> None:
    primaries = {"BTC-USD": Market(primary, "BTC-USD")} if primary else {}
    with pytest.raises(BadSettings, match=expected):
        FilesSource(entries(*venues), tmp_path, NOW, primaries=primaries)


def test_one_file_cannot_be_two_markets(tmp_path: Path) -> None:
    first, second = entries("kraken", "coinbase")
    second = FileEntry(first.glob, "ohlcv", second.market, timeframe="1h")
    source = FilesSource([first, second], tmp_path, NOW, primaries={"BTC-USD": Market("kraken", "BTC-USD")})
    with pytest.raises(BadSettings, match=r"'kraken.parquet' is declared for two markets of BTC-USD"):
        source.second_candles("BTC-USD", "1h", *EVER)


def fill(ms: int, tid: int | None = None, price: str = "100.5", coin: str = "BTC") -> str:
    number = "" if tid is None else f', "tid": {tid}'
    return f'{{"ts": {ms}, "address": "0xa", "coin": "{coin}", "side": "sell", "price": {price}, "size": 0.1{number}}}'


def test_fills_of_files_that_overlap_are_counted_once_when_they_have_ids(tmp_path: Path) -> None:
    first, second = 1764564613236, 1764564614000
    lines = {
        "a.jsonl": [fill(first, 1), fill(second, 2), fill(first, coin="ETH"), "no fill"],
        "b.jsonl": [fill(second, 2), fill(first, 1, price="7.0"), fill(second), fill(second)],
    }
    for name, text in lines.items():
        (tmp_path / name).write_text("\n".join(text) + "\n")
    source: Source = FilesSource([FileEntry("*.jsonl", "fills", "hyperliquid.BTC-USDC")], tmp_path, NOW)
    assert (source.has_fills("BTC-USDC"), source.has_fills("ETH-USDC")) == (True, False)
    assert source.fills("ETH-USDC", *EVER) is None
    delivery = source.fills("BTC-USDC", *EVER)
    assert delivery is not None
    assert dict(delivery.frame.schema) == FILLS
    assert delivery.frame["time"].is_sorted()
    assert delivery.frame["id"].sort(nulls_last=True).to_list() == [1, 2, None, None]
    assert delivery.frame["side"].to_list() == [-1] * 4
    assert (delivery.duplicates, delivery.quarantine.height, delivery.sent) == (
        1,
        2,
        7,
    )  # and one fill of ETH
    assert "repeats the trade id of another file" in delivery.quarantine["reason"][1]
    later = source.fills("BTC-USDC", datetime.fromtimestamp(second / 1000, UTC), NOW)
    assert later is not None
    assert later.frame.height == 3


def test_files_that_hold_no_fills_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"1\n2\n3\n" + fill(1764564613236).encode()))
    source = FilesSource([FileEntry("*.gz", "fills", "hyperliquid.BTC-USDC")], tmp_path, NOW)
    with pytest.raises(BadData, match="expected most of its 4 lines to be fills, found 3 broken"):
        source.fills("BTC-USDC", *EVER)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(BadData, match="is empty"):
        source.fills("BTC-USDC", *EVER)


@pytest.mark.real
def test_the_split_of_apple_is_set_aside_with_its_reason(real_data: Path) -> None:
    delivery = FilesSource([LEAN_AAPL], real_data, NOW).candles("AAPL-USD", "1m", *EVER)
    assert delivery.sent == 686 + 783 + 834
    assert per_day(delivery) == dict.fromkeys([date(2014, 6, 5), date(2014, 6, 6), date(2014, 6, 9)], 390)
    mixed = delivery.quarantine.filter(pl.col("reason") != OUTSIDE).row(0, named=True)
    assert mixed["file"].endswith("20140609_trade.zip")
    assert (mixed["line"], mixed["reason"], mixed["text"]) == (
        1,
        ALONE,
        "14400000,6455700,6455700,922300,924200,600",
    )
    assert delivery.quarantine.filter(pl.col("reason") == OUTSIDE).height == 296 + 393 + 443
    first, last = delivery.frame.row(0), delivery.frame.row(-1)
    assert (first[0], last[0]) == (
        datetime(2014, 6, 5, 13, 30, tzinfo=UTC),
        datetime(2014, 6, 9, 19, 59, tzinfo=UTC),
    )
    friday = delivery.frame.filter(pl.col("open_time").dt.date() == date(2014, 6, 6))
    monday = delivery.frame.filter(pl.col("open_time").dt.date() == date(2014, 6, 9))
    assert friday["close"].is_between(644, 652).all()  # unadjusted: seven times Monday's
    assert monday["close"].is_between(91, 95).all()


@pytest.mark.real
def test_every_lean_zip_parses_to_its_lines(real_data: Path) -> None:
    """The crypto days that stop at 16:50 stay short; minutes without activity stay absent."""
    counts = {
        ("lean_crypto", "coinbase.BTC-USD", "1m", "lean/crypto/coinbase/minute/btcusd/*_trade.zip"): 1007
        + 2 * 1440,
        ("lean_crypto", "coinbase.ETH-USD", "1m", "lean/crypto/coinbase/minute/ethusd/*_trade.zip"): 1009
        + 1440,
        ("lean_crypto", "coinbase.LTC-USD", "1m", "lean/crypto/coinbase/minute/ltcusd/*_trade.zip"): 1008
        + 1439
        + 1440,
        ("lean_equity", "arca.SPY-USD", "1m", "lean/equity/usa/minute/spy/*_trade.zip"): 711
        + 2 * 828
        + 813
        + 883
        + 776,
        ("lean_equity", "nasdaq.AAPL-USD", "1h", "lean/equity/usa/hour/aapl.zip"): 40831,
        ("lean_equity", "arca.SPY-USD", "1h", "lean/equity/usa/hour/spy.zip"): 40832,
    }
    for (layout, market, timeframe, glob), rows in counts.items():
        entry = FileEntry(glob, "ohlcv", market, timeframe=timeframe, layout=layout)
        delivery = FilesSource([entry], real_data, NOW).candles(entry.traded, timeframe, *EVER)
        assert (delivery.sent, delivery.duplicates) == (rows, 0), glob
        wild = 3 if "hour/aapl" in glob else 0  # lows a tenth of the price, in 2009, 2010 and 2011
        assert delivery.quarantine["reason"].to_list() == [ALONE] * wild, glob
    stops = FilesSource([entry_of_crypto()], real_data, NOW).candles("BTC-USD", "1m", *EVER).frame
    first_day = stops.filter(pl.col("open_time").dt.date() == date(2018, 4, 4))
    assert (first_day.height, first_day["open_time"][-1]) == (1007, datetime(2018, 4, 4, 16, 47, tzinfo=UTC))


def entry_of_crypto() -> FileEntry:
    glob = "lean/crypto/coinbase/minute/btcusd/*_trade.zip"
    return FileEntry(glob, "ohlcv", "coinbase.BTC-USD", timeframe="1m", layout="lean_crypto")


@pytest.mark.real
def test_a_quote_file_is_not_taken_for_trades(real_data: Path) -> None:
    entry = FileEntry("lean/equity/**/*_quote.zip", "ohlcv", AAPL, timeframe="1m", layout="lean_equity")
    with pytest.raises(BadData, match="is not what its entry says"):
        FilesSource([entry], real_data, NOW).candles("AAPL-USD", "1m", *EVER)


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "rows", "silent"), [("AAPL", 4521, 99), ("META", 4521, 88), ("SPY", 4520, 0)]
)
def test_the_five_minute_bars_of_yahoo(real_data: Path, name: str, rows: int, silent: int) -> None:
    """Close stands first in these files, and prices have sixteen digits that float64 keeps."""
    source = FilesSource([yahoo(name)], real_data, NOW)
    delivery = source.candles(f"{name}-USD", "5m", *EVER)
    assert (delivery.frame.height, delivery.sent, delivery.quarantine.height) == (rows, rows, 0)
    assert delivery.frame.filter(pl.col("volume") == 0).height == silent
    days = per_day(delivery)
    assert len(days) == 60
    half, cut_off, rest = (42, 13, 24) if name != "SPY" else (40, 10, 27)
    short = {day: count for day, count in days.items() if count not in (78, 77, 76)}
    assert short == {date(2025, 12, 24): half, date(2026, 1, 30): cut_off, date(2026, 2, 2): rest}
    expected = calendar_of("XNYS").opens(
        datetime(2025, 12, 23, tzinfo=UTC), datetime(2026, 3, 21, tzinfo=UTC), "5m"
    )
    assert len(expected) == 59 * 78 + 42
    assert delivery.frame["open_time"].is_in(expected.implode()).all()
    for day, opened in ((date(2026, 3, 6), 14), (date(2026, 3, 9), 13)):
        of_day = delivery.frame.filter(pl.col("open_time").dt.date() == day)
        assert of_day.height == 78
        assert of_day["open_time"][0] == datetime(day.year, day.month, day.day, opened, 30, tzinfo=UTC)


@pytest.mark.real
@pytest.mark.parametrize(("name", "rows"), [("AAPL", 2728), ("META", 2728), ("SPY", 2427)])
def test_the_minutes_of_yahoo(real_data: Path, name: str, rows: int) -> None:
    delivery = FilesSource([yahoo(name, "1m")], real_data, NOW).candles(f"{name}-USD", "1m", *EVER)
    assert (delivery.frame.height, delivery.sent) == (rows, rows)
    assert set(per_day(delivery).values()) <= {390, 388, 89}


@pytest.mark.real
def test_a_stocks_minutes_and_the_calendar_count_the_same_day(real_data: Path) -> None:
    """What the gap ledger needs: of 390 expected minutes of a session, each is a row or unknown."""
    frame = FilesSource([yahoo("SPY", "1m")], real_data, NOW).candles("SPY-USD", "1m", *EVER).frame
    day = datetime(2026, 3, 31, tzinfo=UTC)
    expected = calendar_of("XNYS").opens(day, day + timedelta(days=1), "1m")
    present = frame.filter(pl.col("open_time").dt.date() == day.date())["open_time"]
    assert (len(expected), len(present)) == (390, 89)
    assert len(expected.filter(~expected.is_in(present.implode()))) == 301
