"""Laws of the streamed tick files: how they are cut changes nothing, and reading numbers equals reading text."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.errors import BadData, UnknownName
from pipelines.market.rows import EARLIEST, Parsed
from pipelines.market.tardis import fast, reader
from pipelines.market.tardis.blocks import Block, blocks
from pipelines.market.tardis.layouts import LAYOUTS, layout_of
from pipelines.market.tardis.stream import parse, stream

WINDOW = (EARLIEST, datetime(2026, 3, 2, tzinfo=UTC))
FIRST = 1772323200000000  # 2026-03-01 00:00 UTC in microseconds
FIELDS = {
    "trades": "{id},buy,{price},0.5",
    "liquidations": "{id},sell,{price},0.5",
    "quotes": "0.84,{price}5,{price},0.67",
    "book_ticker": "0.84,{price}5,{price},",
    "incremental_book_L2": "false,bid,{price},0",
    "derivative_ticker": "1772352000000000,0.0001,,12345.6,{price},,{price}",
    "book_snapshot_5": ",".join(f"{100 + n}.5,1,{99 - n},0.{n + 1}" for n in range(5)),
    "book_snapshot_25": ",".join(f"{100 + n}.5,1,{99 - n},0.{n + 1}" for n in range(25)),
}
MUTATIONS = [
    *("NaN", "-1", "1e308", "abc", "inf", "0", '"', "1,2", "0.12345678901234567", "é", "\x00", "true", "+1"),
    *(
        "1.0",
        "1e3",
        "1_0",
        ".5",
        "5.",
        "-0",
        "0x1",
        "infinity",
        "١",
        "1e-3",
        "007",
        "",
        " 1",
        "1 ",
        "\t1",
        "\xa01",
    ),
    *('"1"', '1"2', '"1,2"', '"', '"1', "1\r", GONE := "#gone"),
]
"""GONE takes a field away with its comma."""


def header(data_type: str) -> str:
    levels = {"book_snapshot_5": 5, "book_snapshot_25": 25}.get(data_type, 0)
    own = [f"{s}s[{n}].{w}" for n in range(levels) for s in ("ask", "bid") for w in ("price", "amount")]
    if not own:
        return ",".join(layout_of(data_type).required)
    return ",".join(["exchange", "symbol", "timestamp", "local_timestamp", *own])


def lines(data_type: str, count: int) -> list[str]:
    return [
        f"deribit,BTC-PERPETUAL,{FIRST + i * 1000},{FIRST + i * 1000 + 90},"
        + FIELDS[data_type].format(id=100 + i, price=f"{6000 + i}.")
        for i in range(count)
    ]


def text(data_type: str, rows: list[str], ending: str = "\n") -> bytes:
    return ending.join([header(data_type), *rows, ""]).encode()


def joined(parts: list[Parsed]) -> tuple[pl.DataFrame, pl.DataFrame]:
    return pl.concat([p.rows for p in parts]), pl.concat([p.quarantine for p in parts])


@pytest.mark.parametrize("data_type", list(FIELDS))
def test_every_dataset_has_its_schema_and_sound_rows_are_read_as_numbers(data_type: str) -> None:
    rows = [line.replace(".,", ".5,").replace(".5,5", ".5,5") for line in lines(data_type, 20)]
    parsed = parse(text(data_type, rows), layout_of(data_type), "f", WINDOW)
    assert (parsed.rows.height, parsed.quarantine.height) == (
        20,
        0 if data_type != "book_ticker" else 20,
    ) or (
        data_type == "book_ticker"
        and parsed.quarantine["reason"].unique().to_list() == ["bid has a price or amount alone"]
    )
    assert dict(parsed.rows.drop("#line").schema) == dict(layout_of(data_type).schema)
    assert parsed.label == "deribit BTC-PERPETUAL"
    assert fast.typed(text(data_type, rows), layout_of(data_type), ("deribit", "BTC-PERPETUAL")) is not None


def test_an_unknown_dataset_is_named() -> None:
    with pytest.raises(UnknownName, match="'trade' is not known: expected one of trades, "):
        layout_of("trade")
    assert set(LAYOUTS) == set(FIELDS)


mutated = st.tuples(
    st.sampled_from(["trades", "incremental_book_L2", "derivative_ticker", "book_snapshot_5"]),
    st.lists(st.tuples(st.integers(4, 19), st.integers(2, 23), st.sampled_from(MUTATIONS)), max_size=6),
    st.sampled_from(["\n", "\r\n"]),
)


def broken(data_type: str, mutations: list[tuple[int, int, str]], ending: str) -> bytes:
    fields = [line.split(",") for line in lines(data_type, 20)]
    for row, column, value in mutations:
        fields[row][column % len(fields[row]) if column % len(fields[row]) > 1 else 2] = value
    kept = [[value for value in row if value != GONE] for row in fields]
    return text(data_type, [",".join(row) for row in kept], ending)


@settings(max_examples=150, deadline=None)
@given(mutated, st.integers(1, 900), st.integers(1, 700))
@example(("trades", [(4, 2, '"'), (4, 3, '"'), (9, 2, '"')], "\n"), 1, 1)
@example(("derivative_ticker", [(5, 10, GONE), (12, 7, "1,2")], "\n"), 1, 1)
def test_a_file_cut_anywhere_gives_what_the_whole_file_gives(
    case: tuple[str, list[tuple[int, int, str]], str], size: int, chunk: int
) -> None:
    raw, layout = broken(*case), layout_of(case[0])
    whole = parse(raw, layout, "f", WINDOW)
    size = max(
        size, 4 * len(raw) // 20
    )  # the first block holds the sound rows that tell what the file is about
    pieces = [raw[i : i + chunk] for i in range(0, len(raw), chunk)]
    rows, quarantine = joined(list(stream(pieces, layout, "f", WINDOW, size)))
    assert rows.equals(whole.rows)
    assert quarantine.equals(whole.quarantine)
    assert sorted(rows["#line"].to_list() + quarantine["line"].to_list()) == list(range(2, 22))


@settings(max_examples=400, deadline=None)
@given(mutated)
def test_reading_numbers_gives_what_reading_text_gives(
    case: tuple[str, list[tuple[int, int, str]], str],
) -> None:
    raw, layout = broken(*case), layout_of(case[0])
    slow = reader.Reader(layout, "f", WINDOW, failures=reader.TRIES).read(Block(raw, 0))
    quick = reader.Reader(layout, "f", WINDOW).read(Block(raw, 0))
    assert quick.rows.equals(slow.rows)
    assert quick.quarantine.equals(slow.quarantine)


@pytest.mark.parametrize("price", ["0.1000000000000000055", "6000.50000000000001", "00000000000006000.5"])
def test_a_decimal_that_is_too_long_is_never_read_as_a_number(price: str) -> None:
    rows = lines("trades", 3)
    rows[1] = f"deribit,BTC-PERPETUAL,{FIRST},{FIRST},7,buy,{price},1"
    assert fast.typed(text("trades", rows), layout_of("trades"), ("deribit", "BTC-PERPETUAL")) is None
    shifted = [
        row.replace(f",{FIRST + 90},", ",,") for row in rows
    ]  # a missing stamp does not make up for it
    assert fast.typed(text("trades", shifted), layout_of("trades"), ("deribit", "BTC-PERPETUAL")) is None


def test_bad_rows_before_the_first_believable_time_stand_where_it_stands() -> None:
    rows = lines("trades", 9)
    rows[0] = rows[1] = "deribit,BTC-PERPETUAL,x,x,1,buy,1,1"
    rows[5] = "deribit,BTC-PERPETUAL,x,x,1,buy,1,1"
    _, quarantine = joined(list(stream([text("trades", rows)], layout_of("trades"), "f", WINDOW, 1)))
    at = [(stamp - datetime(2026, 3, 1, tzinfo=UTC)).microseconds for stamp in quarantine["#standing"]]
    assert (quarantine["line"].to_list(), at) == ([2, 3, 7], [2000, 2000, 4000])


@given(st.binary(max_size=60), st.integers(1, 20), st.integers(1, 9))
def test_blocks_are_the_lines_of_the_text_in_order(body: bytes, size: int, chunk: int) -> None:
    raw = b"a,b\n" + body
    cut = list(blocks([raw[i : i + chunk] for i in range(0, len(raw), chunk)], "f", size))
    assert all(block.text.startswith(b"a,b\n") for block in cut)
    assert b"".join(block.text[4:] for block in cut) == body
    assert [block.before for block in cut] == [
        sum(b.text[4:].count(b"\n") for b in cut[:number]) for number in range(len(cut))
    ]


@pytest.mark.parametrize("raw", [b"", b"\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(raw: bytes) -> None:
    with pytest.raises(BadData, match="file f is empty"):
        list(stream([raw], layout_of("trades"), "f", WINDOW))


def test_a_header_alone_is_a_file_without_rows() -> None:
    parsed = parse(text("trades", []), layout_of("trades"), "f", WINDOW)
    assert (parsed.rows.height, parsed.quarantine.height, parsed.label) == (0, 0, "")
