"""Files as a source: days of exchange time over file borders, repeats, refusals, and the real recordings."""

import gzip
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadData, BadSettings, MissingData
from pipelines.market.file_entry import FileEntry
from pipelines.market.rows import QUARANTINE, STANDING, Parsed
from pipelines.market.schemas import CANDLES, FUNDING, ORDER_BOOK, TRADES, UTC_US
from pipelines.market.symbols import Market
from resources.sources import FilesSource, day_pieces
from resources.sources.tick_files import TickIndex

NOW = datetime(2026, 10, 1, tzinfo=UTC)
BTC = Market("binance", "BTC-USDT")
HEADER = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
TRADES_ENTRY = FileEntry("binance_trades_*.csv.gz", "tardis_trades", market=str(BTC))


def stamp(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def trade(moment: datetime, number: int, delay: float = 0.1, price: str = "60000.5") -> str:
    local = stamp(moment + timedelta(seconds=delay))
    return f"binance,BTCUSDT,{stamp(moment)},{local},{number},buy,{price},0.001"


def put(folder: Path, day: date, lines: list[str], header: str = HEADER) -> Path:
    path = folder / f"binance_trades_{day}_BTCUSDT.csv.gz"
    path.write_bytes(gzip.compress("\n".join([header, *lines, ""]).encode()))
    return path


def source(folder: Path, *entries: FileEntry) -> FilesSource:
    return FilesSource(entries or (TRADES_ENTRY,), folder, NOW)


@settings(max_examples=25, deadline=None)
@given(
    offsets=st.lists(st.integers(-170_000, 170_000), min_size=1, max_size=30),
    delays=st.lists(st.floats(-2.0, 90.0), min_size=30, max_size=30),
    broken=st.sets(st.integers(0, 29), max_size=4),
)
def test_over_all_days_every_row_of_every_file_is_delivered_once(
    tmp_path_factory: pytest.TempPathFactory, offsets: list[int], delays: list[float], broken: set[int]
) -> None:
    """Files split by local time, days by exchange time: nothing is lost or doubled at the borders."""
    folder = tmp_path_factory.mktemp("ticks")
    by_file: dict[date, list[str]] = {}
    for number, offset in enumerate(sorted(offsets)):
        moment = MIDNIGHT + timedelta(seconds=offset)
        line = trade(moment, number, delays[number], "NaN" if number in broken else "60000.5")
        by_file.setdefault((moment + timedelta(seconds=delays[number])).date(), []).append(line)
    for day, lines in by_file.items():
        if all("NaN" in line for line in lines) or sum("NaN" in line for line in lines) * 2 > len(lines):
            return  # such a file is refused as a whole; another law
        put(folder, day, lines)
    files = source(folder)
    deliveries = {day: files.trades(BTC, day) for day in files.tick_days(BTC)}
    assert sum(delivery.sent for delivery in deliveries.values()) == len(offsets)
    for day, delivery in deliveries.items():
        assert delivery.frame["time"].dt.date().eq(day).all()
        assert delivery.frame["id"].is_sorted() or delivery.frame["time"].is_sorted()
        assert dict(delivery.frame.schema) == TRADES
    quarantined = sum(delivery.quarantine.height for delivery in deliveries.values())
    assert quarantined == len([number for number in broken if number < len(offsets)])


def test_the_order_of_files_does_not_matter_and_a_repeat_is_dropped_or_set_aside(tmp_path: Path) -> None:
    first = [trade(MIDNIGHT + timedelta(seconds=i), i) for i in range(5)]
    put(tmp_path, date(2026, 3, 1), [trade(MIDNIGHT - timedelta(seconds=9), 90), *first[:3]])
    put(tmp_path, date(2026, 3, 2), [*first[1:], first[4].replace("60000.5", "60000.6")])
    delivery = source(tmp_path).trades(BTC, date(2026, 3, 2))
    assert delivery.frame["id"].to_list() == [0, 1, 2, 3, 4]
    assert delivery.duplicates == 2
    assert delivery.quarantine["reason"].to_list() == ["repeats the id of line 5 with other values"]
    assert delivery.quarantine["line"].to_list() == [6]
    assert delivery.sent == 3 + 5
    assert "2 rows that repeat" in delivery.notes[0]


def test_trades_without_numeric_ids_are_numbered_by_arrival(tmp_path: Path) -> None:
    lines = [
        trade(MIDNIGHT + timedelta(seconds=i // 2), i).replace(f",{i},buy", f",x{i},buy") for i in range(4)
    ]
    put(tmp_path, date(2026, 3, 2), lines)
    delivery = source(tmp_path).trades(BTC, date(2026, 3, 2))
    assert delivery.frame["id"].to_list() == [0, 1, 2, 3]
    assert delivery.notes == ("trades are numbered by arrival",)


@pytest.mark.parametrize(("delay", "check"), [(0.1, True), (0.0, True), (-1.5, False), (5.0, False)])
def test_a_recorder_behind_or_far_ahead_is_not_used_to_judge_lateness(
    tmp_path: Path, delay: float, check: bool
) -> None:
    put(tmp_path, date(2026, 3, 2), [trade(MIDNIGHT + timedelta(seconds=9 + i), i, delay) for i in range(3)])
    delivery = source(tmp_path).trades(BTC, date(2026, 3, 2))
    assert delivery.check_local_time is check
    assert bool(delivery.notes) is not check


@pytest.mark.parametrize("neighbour", [False, True])
def test_equal_trades_of_a_venue_without_ids_stay_whatever_files_lie_beside_them(
    tmp_path: Path, neighbour: bool
) -> None:
    """Three equal fills of one order; the file of the day after has a late event, two of the three, and its own."""

    def fill(seconds: float) -> str:
        return trade(MIDNIGHT + timedelta(seconds=seconds), 0).replace(",0,buy", ",,buy")

    put(tmp_path, date(2026, 3, 2), [*(fill(n) for n in range(5)), *[fill(9)] * 3])
    if neighbour:
        put(tmp_path, date(2026, 3, 3), [*[fill(9)] * 2, fill(10), *(fill(86_400 + n) for n in range(9))])
    delivery = source(tmp_path).trades(BTC, date(2026, 3, 2))
    at_nine = delivery.frame.filter(pl.col("time") == MIDNIGHT + timedelta(seconds=9))
    assert at_nine.height == 3
    assert delivery.frame.height == (9 if neighbour else 8)
    assert delivery.duplicates == (2 if neighbour else 0)
    assert delivery.sent == (11 if neighbour else 8)


@pytest.mark.parametrize("most", [0, 2_000, 2**27])
def test_days_are_the_same_in_any_order_and_however_little_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """One file of three days and one of a day: what is not remembered is read again."""
    monkeypatch.setattr(day_pieces, "BYTES", most)
    moments = [MIDNIGHT + timedelta(minutes=37 * n) for n in range(-60, 70)]
    lines = [trade(moment, 1000 + n) for n, moment in enumerate(moments)]
    put(tmp_path, date(2026, 3, 2), [line for n, line in enumerate(lines) if n % 3])
    (tmp_path / "binance_trades_all.csv.gz").write_bytes(
        gzip.compress("\n".join([HEADER, *lines[::3], ""]).encode())
    )
    files = source(tmp_path)
    days = files.tick_days(BTC)
    assert len(days) == 4
    for day in (*days, *reversed(days)):
        held = [n for n, moment in enumerate(moments) if moment.date() == day]
        inside = [n for n in held if n % 3 == 0 or abs(day - date(2026, 3, 2)) <= timedelta(days=1)]
        assert files.trades(BTC, day).frame["id"].to_list() == [1000 + n for n in inside]


def test_of_a_neighbouring_file_only_the_rows_of_the_day_are_kept(tmp_path: Path) -> None:
    """A file is judged as a whole, and of what is beside the day no more is held than was allowed."""
    frame = pl.DataFrame(
        {"time": [MIDNIGHT + timedelta(hours=n) for n in range(72)], "x": range(72), "#line": range(72)}
    )
    none = pl.DataFrame(schema={**QUARANTINE, STANDING: UTC_US})
    parts = [Parsed(frame[n : n + 10], none, "a b") for n in range(0, 72, 10)]
    found = day_pieces.cut(parts, date(2026, 3, 2), ["x"], most=700)
    assert found.days[date(2026, 3, 2)].equals(frame[:24])
    assert (set(found.days), found.dropped) == ({date(2026, 3, 2), date(2026, 3, 3)}, {date(2026, 3, 4)})
    assert found.whole.rows.equals(frame.select("x"))
    assert found.whole.label == "a b"
    tight = day_pieces.cut(parts, date(2026, 3, 2), ["x"], most=0)
    assert set(tight.days) == {date(2026, 3, 2)}


@pytest.mark.parametrize(("rate", "late"), [(1e-5, 16), (9e-3, 0), (9e-3, 16)])
def test_two_files_of_funding_are_one_payment_each_or_a_contradiction(
    tmp_path: Path, rate: float, late: int
) -> None:
    """One file stamps a payment at its hour, the other 16 ms later: the later stamp is when it was known."""
    hours = [MIDNIGHT + timedelta(hours=h) for h in range(24)]
    stamps = [hour + timedelta(milliseconds=late) for hour in hours]
    pl.DataFrame({"time": hours, "funding_rate": 1e-5}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"time": stamps, "funding_rate": rate}).write_parquet(tmp_path / "b.parquet")
    files = source(tmp_path, FileEntry("*.parquet", "funding", symbol="BTC-USDT"))
    if rate != 1e-5:
        with pytest.raises(
            BadData, match=r"a\.parquet and .*b\.parquet differ about the funding of 2026-03-02 00:00"
        ):
            files.funding("BTC-USDT", MIDNIGHT, NOW)
        return
    found = files.funding("BTC-USDT", MIDNIGHT, NOW)
    assert found is not None
    assert found["time"].to_list() == stamps
    assert set(found["period_hours"]) == {1.0}


def test_a_payment_stamped_half_an_hour_late_keeps_its_stamp(tmp_path: Path) -> None:
    late = timedelta(minutes=23, seconds=53, milliseconds=40)
    stamps = [MIDNIGHT + timedelta(hours=h) + (late if h == 3 else timedelta()) for h in range(6)]
    pl.DataFrame({"time": stamps, "funding_rate": [h * 1e-5 for h in range(6)]}).write_parquet(
        tmp_path / "a.parquet"
    )
    found = source(tmp_path, FileEntry("a.parquet", "funding", symbol="BTC-USDT")).funding(
        "BTC-USDT", MIDNIGHT, NOW
    )
    assert found is not None
    assert found["time"].to_list() == stamps


def test_local_times_that_were_not_recorded_are_null_and_said(tmp_path: Path) -> None:
    line = trade(MIDNIGHT, 1)
    put(tmp_path, date(2026, 3, 2), [line.replace(f",{stamp(MIDNIGHT) + 100_000},", ",,")])
    delivery = source(tmp_path).trades(BTC, date(2026, 3, 2))
    assert delivery.frame["local_time"].to_list() == [None]
    assert delivery.notes == ("local times were not recorded: late arrivals are not judged",)


def test_broken_and_missing_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    day = date(2026, 3, 2)
    with pytest.raises(MissingData, match="matches no file under"):
        source(tmp_path).trades(BTC, day)
    path = put(tmp_path, day, [trade(MIDNIGHT, i) for i in range(200)])
    whole = path.read_bytes()
    for broken, sentence in [
        (whole[: len(whole) // 2], "cannot be unpacked: expected a whole gzip"),
        (b"no gzip", "cannot be unpacked"),
        (b"", "is empty"),
        (gzip.compress(b""), "is empty"),
        (gzip.compress(b"a,b\n1,2\n"), "has no column timestamp"),
        (
            gzip.compress(
                f"{HEADER}\n{trade(MIDNIGHT, 1)}\n".replace("timestamp,", "time,", 1)
                .replace(",id,", ",timestamp,")
                .encode()
            ),
            "has no timestamp from 2026-03-01 to 2026-03-04 00:00 UTC in 1 rows",
        ),
        (
            gzip.compress(f"{HEADER.replace('side', 'way')}\n{trade(MIDNIGHT, 1)}\n".encode()),
            "lacks column side",
        ),
    ]:
        path.write_bytes(broken)
        with pytest.raises(BadData, match=sentence) as caught:
            source(tmp_path).trades(BTC, day)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_days_and_markets_that_are_not_there_are_named(tmp_path: Path) -> None:
    put(tmp_path, date(2026, 3, 2), [trade(MIDNIGHT, 1)])
    with pytest.raises(MissingData, match=r"no tardis_trades of binance\.BTC-USDT on 2026-03-09"):
        source(tmp_path).trades(BTC, date(2026, 3, 9))
    with pytest.raises(MissingData, match=r"no tardis_book_snapshot_5 of binance\.BTC-USDT"):
        source(tmp_path).order_book(BTC, date(2026, 3, 2))
    with pytest.raises(MissingData, match="no file entry gives 1m candles of BTC-USDT"):
        source(tmp_path).candles("BTC-USDT", "1m", MIDNIGHT, NOW)
    assert source(tmp_path).tick_days(Market("kraken", "BTC-USDT")) == []
    assert source(tmp_path).funding("BTC-USDT", MIDNIGHT, NOW) is None


def test_days_of_books_are_not_days_of_trades(tmp_path: Path) -> None:
    """A source of trades alone has no book on any day."""
    put(tmp_path, date(2026, 3, 2), [trade(MIDNIGHT, 1)])
    (tmp_path / "book.csv").write_text(f"timestamp\n{stamp(MIDNIGHT + timedelta(days=1))}\n")
    book = FileEntry("book.csv", "tardis_book_snapshot_5", market=str(BTC))
    assert source(tmp_path).book_days(BTC) == []
    assert source(tmp_path, TRADES_ENTRY, book).tick_days(BTC) == [date(2026, 3, 2)]
    assert source(tmp_path, TRADES_ENTRY, book).book_days(BTC) == [date(2026, 3, 3)]


def test_a_pattern_over_two_symbols_is_refused(tmp_path: Path) -> None:
    put(tmp_path, date(2026, 3, 2), [trade(MIDNIGHT, 1)])
    other = [trade(MIDNIGHT, 2).replace("BTCUSDT", "ETHUSDT")]
    put(tmp_path, date(2026, 3, 1), other)
    with pytest.raises(BadData, match=r"are of 2 markets.*narrow the pattern"):
        source(tmp_path).trades(BTC, date(2026, 3, 2))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "tardis_quotes"}, "has kind 'tardis_quotes': expected one of tardis_trades"),
        ({"market": None, "symbol": "BTC-USDT"}, "names no market"),
        ({"kind": "ohlcv"}, "has timeframe None"),
        ({"timeframe": "1m"}, "has timeframe 1m"),
        ({"symbol": "ETH-USDT"}, "expected one symbol"),
        ({"timestamp_unit": "minutes"}, "has timestamp_unit 'minutes'"),
    ],
)
def test_entries_that_mean_nothing_are_refused(changes: dict[str, str], sentence: str) -> None:
    fields = {"glob": "a*.csv", "kind": "tardis_trades", "market": str(BTC)} | changes
    with pytest.raises(BadSettings, match=sentence):
        FileEntry(**fields)


def test_candles_of_one_symbol_may_not_mix_markets(tmp_path: Path) -> None:
    entries = [FileEntry("a", "ohlcv", market=f"{venue}.BTC-USD", timeframe="1m") for venue in ("x", "y")]
    with pytest.raises(BadSettings, match=r"markets x.BTC-USD and y.BTC-USD"):
        FilesSource(entries, tmp_path, NOW)


def test_candle_files_that_overlap_join_and_their_conflicts_are_set_aside(tmp_path: Path) -> None:
    def csv(hours: range, close: float) -> str:
        rows = [f"{stamp(MIDNIGHT + timedelta(hours=h)) // 1000},100,110,90,{close},5" for h in hours]
        return "\n".join(["timestamp,open,high,low,close,volume", *rows, ""])

    (tmp_path / "a.csv").write_text(csv(range(6), 105))
    (tmp_path / "b.csv").write_text(csv(range(4, 9), 105).replace("105,5", "104,5", 1))
    (tmp_path / "stray.txt").write_text("?")
    entry = FileEntry("*.csv", "ohlcv", market=str(BTC), timeframe="1h")
    files = source(tmp_path, entry)
    delivery = files.candles("BTC-USDT", "1h", MIDNIGHT + timedelta(hours=1), NOW)
    assert delivery.frame.height == 8
    assert (delivery.duplicates, delivery.quarantine.height, delivery.sent) == (1, 1, 10)
    assert delivery.quarantine.row(0)[:3] == (
        str(tmp_path / "b.csv"),
        2,
        "repeats the open_time of line 6 with other values",
    )
    assert files.candle_market("BTC-USDT", "1h") == BTC
    assert (files.has_candles("BTC-USDT", "1h"), files.has_candles("BTC-USDT", "5m")) == (True, False)
    assert files.describe()["ignored"] == [str(tmp_path / "stray.txt")]


def test_the_index_scans_a_file_once_and_again_when_it_changes(tmp_path: Path) -> None:
    path = put(tmp_path, date(2026, 3, 2), [trade(MIDNIGHT, 1)])
    cache = tmp_path / "cache" / "spans.json"
    index = TickIndex(NOW, cache)
    assert index.days([path]) == {path: [date(2026, 3, 2)]}
    assert not cache.parent.exists()  # nothing was ingested yet
    cache.parent.mkdir()
    index.days([path])
    state = path.stat()
    path.write_bytes(b"x" * state.st_size)  # same size and time: the stored answer must serve
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert TickIndex(NOW, cache).days([path]) == {path: [date(2026, 3, 2)]}
    put(tmp_path, date(2026, 3, 2), [trade(MIDNIGHT - timedelta(hours=1), 1), trade(MIDNIGHT, 2)])
    assert TickIndex(NOW, cache).days([path]) == {path: [date(2026, 3, 1), date(2026, 3, 2)]}


def test_ignored_files_are_those_of_the_folders_a_pattern_looks_into(tmp_path: Path) -> None:
    for name in ("a/x/1.csv", "a/x/1.txt", "a/y/2.csv", "a/note", "a/x/deep/3.csv", "b/4.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def ignored(glob: str) -> list[str]:
        found = source(tmp_path, FileEntry(glob, "funding", symbol="A-B")).describe()["ignored"]
        return [str(Path(path).relative_to(tmp_path)) for path in found]

    assert ignored("a/*/*.csv") == ["a/note", "a/x/1.txt"]
    assert ignored("a/**/*.csv") == ["a/note", "a/x/1.txt"]
    assert ignored("a/x/1.csv") == ["a/x/1.txt"]


def real(folder: Path, *entries: FileEntry) -> FilesSource:
    return FilesSource(entries, folder, datetime(2026, 11, 1, tzinfo=UTC))


def test_the_real_recording_across_midnight_is_two_days(real_data: Path) -> None:
    name = "tardis_format_derived/binance-futures_{}_*_BTCUSDT.csv.gz"
    files = real(
        real_data,
        FileEntry(name.format("trades"), "tardis_trades", market=str(BTC)),
        FileEntry(name.format("book_snapshot_5"), "tardis_book_snapshot_5", market=str(BTC)),
        FileEntry(name.format("book_snapshot_25"), "tardis_book_snapshot_25", market=str(BTC)),
    )
    days = [date(2024, 7, 18), date(2024, 7, 19)]
    assert files.tick_days(BTC) == days
    trades = [files.trades(BTC, day) for day in days]
    books = [files.order_book(BTC, day) for day in days]
    assert sum(delivery.frame.height for delivery in trades) == 10701
    assert sum(delivery.frame.height for delivery in books) == 7246
    assert books[0].frame["ask_price_10"].null_count() == 0
    assert dict(books[0].frame.schema) == ORDER_BOOK
    for delivery in (*trades, *books):
        assert delivery.check_local_time is False
        assert delivery.notes[0].startswith("recorder's clock runs -1.52")
        assert (delivery.quarantine.height, delivery.duplicates) == (0, 0)


def test_the_real_tardis_original_is_checked_by_its_clock(real_data: Path) -> None:
    files = real(real_data, FileEntry("tardis_original/*_trades_*.csv.gz", "tardis_trades", market=str(BTC)))
    delivery = files.trades(BTC, date(2020, 2, 22))
    assert (delivery.frame.height, delivery.check_local_time, delivery.notes) == (9999, True, ())
    assert delivery.frame.filter(pl.col("side") == 1).height == 5267


def test_real_candles_and_funding(real_data: Path) -> None:
    files = real(
        real_data,
        FileEntry("ohlcv_1m/binance_usdm_BTCUSDT_1m.parquet", "ohlcv", market=str(BTC), timeframe="1m"),
        FileEntry("funding/hyperliquid_funding.parquet", "funding", symbol="BTC-USDT", where="BTC"),
    )
    start, end = datetime(2023, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    delivery = files.candles("BTC-USDT", "1m", start, end)
    assert (delivery.frame.height, delivery.sent, dict(delivery.frame.schema)) == (73139, 73139, CANDLES)
    funding = files.funding("BTC-USDT", start, end)
    assert funding is not None
    assert dict(funding.schema) == FUNDING
    eight = funding.filter(pl.col("period_hours") == 8)
    assert set(funding["period_hours"]) == {1.0, 8.0}
    assert eight["time"].max().replace(microsecond=0) == datetime(2023, 6, 8, tzinfo=UTC)
    assert eight.height == 82  # 27 days of three payments and the last at midnight
    with pytest.raises(MissingData, match="no funding of 'NOPE'"):
        real(real_data, FileEntry("funding/hyper*", "funding", symbol="X-Y", where="NOPE")).funding(
            "X-Y", start, end
        )
