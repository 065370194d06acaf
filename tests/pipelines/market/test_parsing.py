"""Laws of the tick parsers: every row sent is accepted or quarantined, and accepted rows keep every rule."""

import gzip
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadData
from pipelines.market.parsing import parse_order_book, parse_trades
from pipelines.market.rows import EARLIEST, QUARANTINE, Parsed, refuse_hopeless
from pipelines.market.schemas import ORDER_BOOK, TRADES
from pipelines.market.text_table import raw_lines

NOW = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = (EARLIEST, NOW)
FIRST = 1772323200000000  # 2026-03-01 00:00 UTC in microseconds
HEADER = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
BOOK_HEADER = "exchange,symbol,timestamp,local_timestamp," + ",".join(
    f"{side}[{level}].{what}"
    for level in range(5)
    for side in ("asks", "bids")
    for what in ("price", "amount")
)


def trade_lines(count: int) -> list[str]:
    return [
        f"coinbase,BTC-USD,{FIRST + i * 1000},{FIRST + i * 1000 + 90},{100 + i},{'buy' if i % 3 else 'sell'},"
        f"{60000 + i}.5,0.{i + 1:03d}"
        for i in range(count)
    ]


def book_lines(count: int) -> list[str]:
    levels = ",".join(f"{100 + level}.5,{level + 1},{99 - level},0.{level + 1}" for level in range(5))
    return [f"coinbase,BTC-USD,{FIRST + i * 1000},{FIRST + i * 1000 + 90},{levels}" for i in range(count)]


def text(header: str, lines: list[str]) -> bytes:
    return "\n".join([header, *lines, ""]).encode()


MUTATIONS = st.sampled_from(
    [
        "NaN",
        "-1",
        "1e308",
        "abc",
        "",
        "inf",
        "99999999999999999",
        "0",
        '"',
        "1,2",
        "0.1234567890123456",
        "é",
        "\x00",
    ]
)


@settings(max_examples=80, deadline=None)
@given(
    kind=st.sampled_from(["trades", "book"]),
    mutations=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 23), MUTATIONS), max_size=8),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_rows_sent_are_accepted_or_quarantined_and_accepted_rows_are_sound(
    kind: str, mutations: list[tuple[int, int, str]], ending: str
) -> None:
    header, lines = (HEADER, trade_lines(12)) if kind == "trades" else (BOOK_HEADER, book_lines(12))
    fields = [line.split(",") for line in lines]
    for row, column, value in mutations:
        fields[row][column % len(fields[row])] = value
    broken = [",".join(row) for row in fields]
    raw = ending.join([header, *broken, ""]).encode()
    parsed = parse_trades(raw, "f", WINDOW) if kind == "trades" else parse_order_book(raw, "f", WINDOW, 5)
    accepted, rejected = parsed.rows["#line"].to_list(), parsed.quarantine["line"].to_list()
    assert sorted(accepted + rejected) == list(range(2, 14))
    assert set(range(12)) - {row for row, _, _ in mutations} <= {line - 2 for line in accepted}
    assert parsed.quarantine["text"].to_list() == [broken[line - 2] for line in rejected]
    assert parsed.quarantine["reason"].null_count() == 0
    numbers = parsed.rows.select(pl.selectors.float())
    assert all(((column > 0) & column.is_finite()).fill_null(True).all() for column in numbers)
    assert parsed.rows["time"].is_between(EARLIEST, NOW, closed="left").all()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 10**15 - 1), st.integers(-12, 3))
def test_a_decimal_of_fifteen_digits_comes_back_exactly(digits: int, exponent: int) -> None:
    price = format(Decimal(digits).scaleb(exponent), "f")
    value = Decimal(price)
    line = f"x,Y,{FIRST},{FIRST},1,buy,{price},1"
    parsed = parse_trades(text(HEADER, [line]), "f", WINDOW)
    if value <= Decimal(10) ** 15:
        assert Decimal(repr(parsed.rows["price"][0])) == value
    else:
        assert parsed.rows.is_empty()


def test_a_decimal_of_sixteen_digits_is_quarantined() -> None:
    lines = trade_lines(3)
    lines[1] = lines[1].replace("60001.5", "60001.50000000001")
    parsed = parse_trades(text(HEADER, lines), "f", WINDOW)
    assert parsed.quarantine.select([*QUARANTINE]).rows() == [
        ("f", 3, "price has more than 15 significant digits", lines[1])
    ]


@given(st.permutations(HEADER.split(",")))
@settings(max_examples=20, deadline=None)
def test_columns_are_found_by_name_in_any_order(names: list[str]) -> None:
    place = [HEADER.split(",").index(name) for name in names]
    moved = [",".join(line.split(",")[i] for i in place) for line in trade_lines(4)]
    raw = text(",".join([*names, "extra"]), [line + ",7" for line in moved])
    plain = parse_trades(text(HEADER, trade_lines(4)), "f", WINDOW)
    assert parse_trades(raw, "f", WINDOW).rows.equals(plain.rows)


def test_a_trade_worked_by_hand() -> None:
    line = f"binance,BTCUSDT,{FIRST + 1},{FIRST - 5},77,sell,63943.9,0.003"
    row = parse_trades(text(HEADER, [line]), "f", WINDOW).rows.row(0, named=True)
    assert row == {
        "time": datetime(2026, 3, 1, 0, 0, 0, 1, tzinfo=UTC),
        "local_time": datetime(2026, 2, 28, 23, 59, 59, 999995, tzinfo=UTC),
        "id": 77,
        "side": -1,
        "price": 63943.9,
        "amount": 0.003,
        "#line": 2,
    }


def test_ids_that_are_not_numbers_give_way_to_arrival_and_a_single_one_is_quarantined() -> None:
    uuids = [line.replace(f",{100 + i},", f",a-{i},") for i, line in enumerate(trade_lines(4))]
    assert parse_trades(text(HEADER, uuids), "f", WINDOW).rows["id"].null_count() == 4
    one = [*trade_lines(3), uuids[3]]
    assert parse_trades(text(HEADER, one), "f", WINDOW).quarantine["line"].to_list() == [5]


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ("101,1,99,1,100,1,98,1,,,,,,,,,,,,", "ask prices are not sorted from the best"),
        ("100,1,99,1,101,1,99,1,,,,,,,,,,,,", "bid prices are not sorted from the best"),
        ("100,1,99,1,,,98,1,102,1,97,1,,,,,,,,", "ask level 3 follows an empty level"),
        ("100,,99,1,,,98,1,,,,,,,,,,,,", "ask level 1 has a price or amount alone"),
        ("100,nan,99,1,,,98,1,,,,,,,,,,,,", "ask_amount_1 is not a positive finite number up to 1e15"),
        ("100,1,99,1,,,98,1", "asks"),
    ],
)
def test_a_broken_ladder_is_quarantined(levels: str, reason: str) -> None:
    lines = [*book_lines(2), f"coinbase,BTC-USD,{FIRST},{FIRST},{levels}"]
    parsed = parse_order_book(text(BOOK_HEADER, lines), "f", WINDOW, 5)
    found = parsed.quarantine["reason"].to_list()
    if reason == "asks":  # a short line: all its missing levels are empty, which is a proper short book
        assert found == [] or "fields" in found[0]
    else:
        assert found == [reason]


def test_crossed_and_short_books_are_kept() -> None:
    line = f"coinbase,BTC-USD,{FIRST},{FIRST},100,1,101,1,102,1," + "," * 13
    parsed = parse_order_book(text(BOOK_HEADER, [line]), "f", WINDOW, 5)
    assert parsed.quarantine.is_empty()
    row = parsed.rows.row(0, named=True)
    assert (row["ask_price_1"], row["bid_price_1"], row["ask_price_2"], row["bid_price_2"]) == (
        100,
        101,
        102,
        None,
    )
    assert row["ask_price_10"] is None


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (
            text(HEADER.replace("price", "prize"), trade_lines(2)),
            r"f lacks column price: expected .* found first line",
        ),
        ("\n".join(trade_lines(3)).encode(), "lacks column exchange, symbol"),
        (text(HEADER.replace("amount", "price"), trade_lines(2)), "lacks column amount"),
        (text(HEADER + ",price", trade_lines(2)), "names column price twice"),
    ],
)
def test_a_file_without_its_header_is_refused(raw: bytes, sentence: str) -> None:
    with pytest.raises(BadData, match=sentence):
        parse_trades(raw, "f", WINDOW)


def test_a_file_that_breaks_one_rule_in_most_rows_is_refused_as_a_whole() -> None:
    millis = [line.replace(str(FIRST)[:10], str(FIRST)[:7]) for line in trade_lines(4)]
    parsed: Parsed = parse_trades(text(HEADER, millis), "f", WINDOW)
    with pytest.raises(BadData, match="expected most of its 4 rows to be valid, found 4 where timestamp"):
        refuse_hopeless(parsed, "f")
    mixed = parse_trades(text(HEADER, trade_lines(3) + millis[3:]), "f", WINDOW)
    refuse_hopeless(mixed, "f")
    assert (mixed.rows.height, mixed.quarantine.height) == (3, 1)


def test_raw_lines_are_those_of_the_file() -> None:
    assert raw_lines(b"\xef\xbb\xbfa\r\nb\r\n\xffc", [1, 2, 3]) == ["a", "b", "�c"]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("tardis_original/binance-futures_trades_2020-02-22_BTCUSDT", 9999),
        ("tardis_format_derived/binance-futures_trades_2024-07-19_BTCUSDT", 10701),
        ("tardis_format_derived/binance-futures_trades_2024-07-19_ETHUSDT", 13655),
        ("tardis_format_derived/coinbase_trades_2026-08-09_BTC-USD", 147),
        ("tardis_format_derived/coinbase_trades_2026-08-09_ETH-USD", 132),
        ("tardis_original/binance-futures_book_snapshot_5_2020-09-01_BTCUSDT", 10),
        ("tardis_original/binance-futures_book_snapshot_25_2020-09-01_BTCUSDT", 10),
        ("tardis_format_derived/binance-futures_book_snapshot_5_2024-07-19_BTCUSDT", 6361),
        ("tardis_format_derived/binance-futures_book_snapshot_5_2024-07-19_ETHUSDT", 6897),
        ("tardis_format_derived/binance-futures_book_snapshot_25_2024-07-19_BTCUSDT", 7246),
        ("tardis_format_derived/binance-futures_book_snapshot_25_2024-07-19_ETHUSDT", 7736),
        ("tardis_format_derived/coinbase_book_snapshot_25_2026-08-09_ETH-USD", 212),
    ],
)
def test_real_files_have_the_rows_their_readme_says_and_none_is_broken(
    real_data: Path, name: str, rows: int
) -> None:
    raw = gzip.decompress((real_data / f"{name}.csv.gz").read_bytes())
    window = (EARLIEST, datetime(2027, 1, 1, tzinfo=UTC))
    if "_trades_" in name:
        parsed, schema = parse_trades(raw, name, window), TRADES
    else:
        parsed, schema = parse_order_book(raw, name, window, 25 if "_25_" in name else 5), ORDER_BOOK
    assert (parsed.rows.height, parsed.quarantine.height) == (rows, 0)
    assert dict(parsed.rows.drop("#line").schema) == schema
