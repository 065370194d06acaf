"""Laws of the candle parsers, and of the checks that refuse a whole file for swapped columns."""

import io
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadData
from pipelines.market.candle_files import parse_candle_table, parse_candle_text
from pipelines.market.plausibility import check_candles, check_order_book, check_trades
from pipelines.market.rows import Parsed, refuse_hopeless
from pipelines.market.schemas import CANDLES, UTC_US

NOW = datetime(2026, 3, 1, 5, tzinfo=UTC)
START = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ["open_time", "open", "high", "low", "close", "volume"]


def candles(count: int = 60) -> pl.DataFrame:
    walk = np.round(100 + np.cumsum(np.random.default_rng(5).standard_normal(count + 1)), 2)
    opens, closes = walk[:-1], walk[1:]
    return pl.DataFrame(
        {
            "open_time": [START + timedelta(minutes=i) for i in range(count)],
            "open": opens,
            "high": np.round(np.maximum(opens, closes) + 0.25, 2),
            "low": np.round(np.minimum(opens, closes) - 0.25, 2),
            "close": closes,
            "volume": np.round(np.abs(opens - closes), 2),
        },
        schema=CANDLES,
    )


def as_csv(frame: pl.DataFrame, stamps: pl.Expr | None = None) -> bytes:
    buffer = io.BytesIO()
    frame.with_columns(stamps if stamps is not None else pl.col("open_time").dt.epoch("ms")).write_csv(buffer)
    return buffer.getvalue()


MUTATIONS = st.sampled_from(
    ["NaN", "-1", "1e308", "abc", "", "99999999999999", "1e-400", '"', "1772323261000"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), MUTATIONS), max_size=6))
def test_rows_sent_are_accepted_or_quarantined(mutations: list[tuple[int, int, str]]) -> None:
    header, *lines = as_csv(candles(10)).decode().splitlines()
    fields = [line.split(",") for line in lines]
    for row, column, value in mutations:
        fields[row][column] = value
    parsed = parse_candle_text(
        "\n".join([header, *(",".join(row) for row in fields)]).encode(), "f", "1m", NOW
    )
    accepted, rejected = parsed.rows["#line"].to_list(), parsed.quarantine["line"].to_list()
    assert sorted(accepted + rejected) == list(range(2, 12))
    rows = parsed.rows
    assert (rows["low"] <= rows.select(pl.min_horizontal("open", "close")).to_series()).all()
    assert (rows["high"] >= rows.select(pl.max_horizontal("open", "close")).to_series()).all()
    assert rows["volume"].is_between(0, 1e15).all()
    assert (rows["open_time"] <= NOW - timedelta(minutes=1)).all()


@pytest.mark.parametrize("zone", ["s", "ms", "us", "ns", "iso", "space"])
@pytest.mark.parametrize("name", ["open_time", "timestamp", "Time", "Datetime"])
def test_every_spelling_of_time_gives_the_same_rows(zone: str, name: str) -> None:
    time = pl.col("open_time")
    spelled = {
        "iso": time.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "space": time.dt.strftime("%Y-%m-%d %H:%M:%S"),
    }.get(zone, time.dt.epoch(zone) if zone in ("s", "ms", "us", "ns") else time)
    raw = as_csv(candles(5), spelled).replace(b"open_time", name.encode())
    parsed = parse_candle_text(raw, "f", "1m", NOW)
    assert parsed.rows.drop("#line").equals(candles(5))
    assert parsed.quarantine.is_empty()


def test_csv_and_parquet_of_one_table_give_the_same_rows() -> None:
    table = candles(30)
    plain = parse_candle_text(as_csv(table), "f", "1m", NOW).rows.drop("#line")
    texts = table.with_columns(pl.col("open", "high", "low", "close", "volume").cast(pl.String))
    for parquet in (table, texts, table.with_columns(pl.col("open_time").dt.cast_time_unit("ms"))):
        parsed = parse_candle_table(parquet, "f", "1m", NOW)
        assert parsed.rows.drop("#line").equals(plain)
        assert parsed.rows["#line"].to_list() == list(range(1, 31))


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("open_time", START + timedelta(seconds=30), "not a multiple of the timeframe"),
        ("open_time", NOW, "a bar that has not closed"),
        ("high", 1.0, "do not enclose"),
        ("volume", -1.0, "volume is not a finite number"),
        ("close", float("nan"), "close is not a positive finite number"),
        ("low", None, "low is not a positive finite number"),
    ],
)
def test_a_broken_row_of_a_table_is_quarantined_with_its_row_number(
    column: str, value: object, reason: str
) -> None:
    place = pl.int_range(pl.len()) == 3
    dtype = UTC_US if column == "open_time" else pl.Float64
    table = candles(9).with_columns(pl.when(place).then(pl.lit(value, dtype)).otherwise(column).alias(column))
    parsed = parse_candle_table(table, "f", "1m", NOW)
    assert parsed.quarantine["line"].to_list() == [4]
    assert reason in parsed.quarantine["reason"][0]
    assert parsed.quarantine["text"][0].startswith("2026-03-01T00:0") or column == "open_time"
    assert parsed.rows.height == 8


@pytest.mark.parametrize(
    "order", [order for order in permutations(NAMES[1:]) if list(order) != NAMES[1:]], ids="-".join
)
def test_any_mistaken_order_of_the_value_columns_is_refused(order: tuple[str, ...]) -> None:
    swapped = candles().rename(dict(zip(NAMES[1:], order, strict=True)))
    with pytest.raises(BadData, match=r"check (its|whether its) columns"):
        parse_and_check(swapped)


def parse_and_check(table: pl.DataFrame) -> Parsed:
    parsed = parse_candle_table(table, "f", "1m", NOW)
    refuse_hopeless(parsed, "f")
    check_candles(parsed.rows, "f", timedelta(minutes=1))
    return parsed


def test_the_right_order_passes_every_check() -> None:
    assert parse_and_check(candles()).rows.height == 60


def test_swapped_price_and_amount_and_swapped_sides_are_refused() -> None:
    rng = np.random.default_rng(1)
    price, amount = 100 + 0.01 * rng.standard_normal(200).cumsum(), rng.lognormal(0, 1.5, 200)
    check_trades(pl.DataFrame({"price": price, "amount": amount}), "f")
    with pytest.raises(BadData, match="price and amount are swapped"):
        check_trades(pl.DataFrame({"price": amount, "amount": price}), "f")
    check_order_book(pl.DataFrame({"bid_price_1": [1.0, 3.0], "ask_price_1": [2.0, 2.0]}), "f")
    with pytest.raises(BadData, match="asks and bids are swapped"):
        check_order_book(pl.DataFrame({"bid_price_1": [3.0, 3.0], "ask_price_1": [2.0, 2.0]}), "f")


@pytest.mark.parametrize("drop", NAMES)
def test_a_missing_column_is_named(drop: str) -> None:
    with pytest.raises(BadData, match=f"lacks column {drop}"):
        parse_candle_table(candles(3).drop(drop), "f", "1m", NOW)
    header, *lines = as_csv(candles(3)).decode().splitlines()
    names = ",".join("x" if name == drop else name for name in header.split(","))
    with pytest.raises(BadData, match=f"lacks column {drop}"):
        parse_candle_text("\n".join([names, *lines]).encode(), "f", "1m", NOW)


def test_two_time_columns_are_refused() -> None:
    with pytest.raises(BadData, match="has columns open_time and timestamp"):
        parse_candle_table(candles(3).with_columns(timestamp="open_time"), "f", "1m", NOW)


@pytest.mark.parametrize("timeframe", ["1m", "5m", "1h"])
def test_real_candles_are_all_accepted(real_data: Path, timeframe: str) -> None:
    counts = {"binance_usdm_BTCUSDT_1m": 73139, "hyperliquid_BTC_5m": 38531, "hyperliquid_HYPE_1h": 5588}
    for path in sorted((real_data / f"ohlcv_{timeframe}").glob("*.parquet")):
        table = pl.read_parquet(path)
        parsed = parse_candle_table(table, path.name, timeframe, datetime(2026, 1, 1, tzinfo=UTC))
        check_candles(parsed.rows, path.name, timedelta(minutes={"1m": 1, "5m": 5, "1h": 60}[timeframe]))
        assert (parsed.rows.height, parsed.quarantine.height) == (counts.get(path.stem, table.height), 0)
