"""LEAN's zips: New York's clock, 1/10,000 dollars, broken zips, and candles that agree with no neighbour."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadData
from pipelines.market.calendars import calendar_of
from pipelines.market.candle_cuts import (
    ALONE,
    OUTSIDE,
    UNFINISHED,
    alone,
    within_sessions,
    without_jumps,
    without_last,
)
from pipelines.market.candle_files import parse_candle_text, parse_kraken_ohlcvt
from pipelines.market.equity_files import day_of, parse_lean, unpack_zip
from pipelines.market.rows import Parsed
from pipelines.market.schemas import CANDLES

NOW = datetime(2026, 11, 1, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
NAME = "20140609_aapl_minute_trade.csv"


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def lean(lines: list[str], name: str = NAME, layout: str = "lean_equity", timeframe: str = "1m") -> Parsed:
    return parse_lean("\n".join(lines).encode(), name, "f", timeframe, NOW, layout)


@settings(max_examples=60, deadline=None)
@given(
    day=st.dates(date(1998, 1, 2), date(2025, 12, 31)),
    minute=st.integers(4 * 60, 20 * 60 - 1),
    price=st.integers(1, 10**9),
    volume=st.integers(0, 10**9),
)
def test_times_are_new_yorks_and_prices_are_exact(day: date, minute: int, price: int, volume: int) -> None:
    """Also on both days of a year on which New York's clock changes: the market's hours are never touched by it."""
    row = f"{minute * 60_000},{price},{price},{price},{price},{volume}"
    parsed = lean([row], f"{day:%Y%m%d}_x_minute_trade.csv")
    (found,) = parsed.rows.rows(named=True)
    local = found["open_time"].astimezone(NEW_YORK)
    assert (local.date(), local.hour * 60 + local.minute) == (day, minute)
    assert Decimal(repr(found["close"])) == Decimal(price) / 10_000
    assert (found["volume"], found["#line"]) == (volume, 1)


def test_crypto_times_are_utc_and_prices_are_dollars() -> None:
    parsed = lean(["60000,7420,7422,7405.01,7405.5,13.35069752"], "20180404_btcusd.csv", "lean_crypto")
    assert parsed.rows.row(0)[:-1] == (
        datetime(2018, 4, 4, 0, 1, tzinfo=UTC),
        *(7420.0, 7422.0, 7405.01, 7405.5, 13.35069752),
    )


def test_hour_files_name_their_day_in_every_line() -> None:
    parsed = lean(["20140609 09:00,1,2,1,2,5", "20141215 09:00,1,2,1,2,5"], "aapl.csv", timeframe="1h")
    assert parsed.rows["open_time"].to_list() == [
        datetime(2014, 6, 9, 13, tzinfo=UTC),
        datetime(2014, 12, 15, 14, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("34200000,6448000.5,6448001,6448000,6448000,90", "open is not a whole number of 1/10,000 dollar"),
        ("34200000,-6448000,6448001,6448000,6448000,90", "open is not a positive finite number"),
        ("34200000,6448000,6448000,6448001,6448000,90", "low and high do not enclose"),
        ("34200001,6448000,6448000,6448000,6448000,90", "open_time is not a multiple of the timeframe"),
        ("noon,6448000,6448000,6448000,6448000,90", "open_time is no time"),
        ("34200000,6448000,6448000,6448000,6448000,-1", "volume is not a finite number"),
        ("34200000,6448000,6448000,6448000,6448000,90,7", "the line has 7 fields where the header has 6"),
        ("34200000,6448000,6448000,6448000", "the line has 4 fields where the header has 6"),
    ],
)
def test_a_broken_line_is_quarantined_with_its_number_and_text(row: str, reason: str) -> None:
    good = "34140000,6448000,6448000,6448000,6448000,90"
    parsed = lean([good, row, good.replace("34140000", "34260000")])
    assert parsed.rows["#line"].to_list() == [1, 3]
    assert parsed.quarantine["line"].to_list() == [2]
    assert parsed.quarantine["text"].to_list() == [row]
    assert reason in parsed.quarantine["reason"][0]


def test_a_time_that_the_clock_never_showed_or_showed_twice_is_no_time() -> None:
    row = "{ms},10000,10000,10000,10000,1"
    for day, hour in (("20140309", 2), ("20141102", 1)):  # forward, back
        parsed = lean([row.format(ms=hour * 3_600_000), row.format(ms=12 * 3_600_000)], f"{day}_x.csv")
        assert parsed.quarantine["line"].to_list() == [1]


def test_broken_zips_and_empty_files_are_refused_in_one_sentence() -> None:
    whole = zipped({NAME: "34200000,1,1,1,1,1\n"})
    assert unpack_zip(whole, "f") == (NAME, b"34200000,1,1,1,1,1\n")
    harmed = bytearray(zipped({NAME: "34200000,1,1,1,1,1\n" * 500}))
    harmed[60] ^= 0xFF
    for broken, sentence in [
        (whole[: len(whole) // 2], "cannot be unpacked: expected a whole zip"),
        (b"no zip", "cannot be unpacked"),
        (b"", "cannot be unpacked"),
        (bytes(harmed), "cannot be unpacked"),
        (zipped({}), "holds 0 files: expected one CSV"),
        (zipped({"a": "1", "b": "2"}), "holds 2 files: expected one CSV"),
    ]:
        with pytest.raises(BadData, match=sentence) as caught:
            unpack_zip(broken, "f")
        assert "\n" not in str(caught.value)
    with pytest.raises(BadData, match="file f is empty"):
        lean([""])
    with pytest.raises(BadData, match="times since midnight but its CSV's name no day"):
        lean(["34200000,1,1,1,1,1"], "aapl.csv")
    with pytest.raises(BadData, match="file f is empty"):
        parse_kraken_ohlcvt(b" \n", "f", "5m", NOW)
    assert day_of("20149999_x.csv") is None


def test_the_archive_of_kraken_has_no_header_and_lines_count_from_one() -> None:
    raw = b"1672531200,16528.7,16530.0,16520.1,16520.4,2.11146726,78\n1672531500,1,2,3,4,x,61\n"
    parsed = parse_kraken_ohlcvt(raw, "f", "5m", NOW)
    assert parsed.rows.drop("#line").rows() == [
        (datetime(2023, 1, 1, tzinfo=UTC), 16528.7, 16530.0, 16520.1, 16520.4, 2.11146726)
    ]
    assert (parsed.rows["#line"].to_list(), parsed.quarantine["line"].to_list()) == ([1], [2])
    assert parsed.quarantine["text"].to_list() == ["1672531500,1,2,3,4,x,61"]


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(st.floats(1e-3, 1e9).map(repr), st.decimals(1, 10**6, places=17).map(str)))
def test_a_price_is_accepted_only_when_its_text_survives_float64(text: str) -> None:
    """Texts of 16 and 17 digits, as pandas writes floats, pass when they are what the float prints as."""
    raw = f"open_time,open,high,low,close,volume\n1772323200000,{text},{text},{text},{text},1\n".encode()
    parsed = parse_candle_text(raw, "f", "1m", NOW)
    survives = Decimal(repr(float(text))) == Decimal(text)
    assert parsed.rows.height == (1 if survives else 0)
    if parsed.rows.height:
        assert Decimal(repr(parsed.rows["close"][0])) == Decimal(text)
    else:
        assert "more than 15 significant digits" in parsed.quarantine["reason"][0]


def candles(closes: list[float], start: datetime = datetime(2026, 3, 9, 13, 30, tzinfo=UTC)) -> pl.DataFrame:
    rows = [(start + timedelta(minutes=i), c, c * 1.001, c * 0.999, c, 1.0) for i, c in enumerate(closes)]
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


@settings(max_examples=100, deadline=None)
@given(
    moves=st.lists(st.floats(-0.05, 0.05), min_size=5, max_size=60),
    place=st.integers(0, 59),
    factor=st.sampled_from([0.01, 0.14, 0.4, 2.0, 7.0, 100.0]),
    what=st.sampled_from(["open", "high", "low", "close", "^(open|high|low|close)$"]),
)
def test_one_wild_price_is_found_and_nothing_else(
    moves: list[float], place: int, factor: float, what: str
) -> None:
    """A market that moves up to 5 % a bar is all right; a price that is off by a factor in one bar is not."""
    price, closes = 100.0, []
    for move in moves:
        price *= 1 + move / 5
        closes.append(price)
    table = candles(closes)
    assert not alone(table).any()
    wild = place % table.height
    broken = table.with_columns(
        pl.when(pl.int_range(pl.len()) == wild)
        .then(pl.col(what) * factor)
        .otherwise(pl.col(what))
        .name.keep()
    )
    assert alone(broken).to_list() == [number == wild for number in range(table.height)]


@pytest.mark.parametrize("before", [4, 5, 30])
@pytest.mark.parametrize("after", [4, 5, 30])
def test_a_new_level_for_good_is_no_error(before: int, after: int) -> None:
    """A real split between two bars: each agrees with the bars on its own side."""
    assert not alone(candles([645.0] * before + [92.0] * after)).any()
    assert not alone(candles([645.0])).any()


def test_what_is_set_aside_keeps_its_line_its_text_and_its_place_in_time() -> None:
    minutes = [*range(565, 575), 569]  # 09:25 to 09:34 New York, out of order
    lines = [f"{minute * 60_000},1000000,1000000,1000000,1000000,1" for minute in minutes[:-1]]
    lines[7] = lines[7].replace("1000000,1", "7000000,1").replace("1000000", "7000000", 2)
    raw = "\n".join(reversed(lines)).encode()
    parsed = parse_lean(raw, NAME, "f", "1m", NOW, "lean_equity")
    cut = within_sessions(
        without_jumps(without_last(parsed, "f", raw), "f", raw), "f", calendar_of("XNYS"), "1m", raw
    )
    assert cut.rows.height + cut.quarantine.height == parsed.rows.height + parsed.quarantine.height == 10
    reasons = dict(zip(cut.quarantine["line"], cut.quarantine["reason"], strict=True))
    assert reasons == {
        1: UNFINISHED,
        3: reasons[3],
        6: OUTSIDE,
        7: OUTSIDE,
        8: OUTSIDE,
        9: OUTSIDE,
        10: OUTSIDE,
    }
    texts = raw.decode().splitlines()
    assert cut.quarantine["text"].to_list() == [texts[line - 1] for line in cut.quarantine["line"]]
    assert cut.quarantine["#standing"].null_count() == 0


def test_a_table_without_rows_is_left_alone() -> None:
    empty = lean(["34200000,1,2,3,4,5"])
    assert empty.rows.is_empty()
    assert without_last(empty, "f").quarantine.equals(empty.quarantine)
    assert without_jumps(empty, "f").quarantine.equals(empty.quarantine)
    assert within_sessions(empty, "f", calendar_of("XNYS"), "1m").quarantine.equals(empty.quarantine)
    assert ALONE.startswith("its prices agree with neither")
