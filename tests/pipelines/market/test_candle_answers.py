"""Answers of venues row by row: every row sent is accepted, quarantined or not yet closed, whatever it holds."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import BadAnswer
from pipelines.market.candle_answers import continues, raw_rows, read_candles
from pipelines.market.neighbours import far_from_neighbours
from pipelines.market.schemas import CANDLES
from pipelines.market.timeframes import GRACE
from pipelines.market.venues import TABLE, conventions_of

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOW = START + timedelta(days=2)
VENUES = (*TABLE, "bitstamp")


def _row(venue: str, time: datetime, prices: tuple[Any, ...] = ("1.1", "1.3", "1.0", "1.2", "5.5")) -> Any:
    seconds = int(time.timestamp())
    o, h, low, c, v = prices
    match venue:
        case "coinbase":
            return {"start": str(seconds), "open": o, "high": h, "low": low, "close": c, "volume": v}
        case "kraken":
            return [seconds, o, h, low, c, "1.1", v, 3]
        case "hyperliquid":
            stamp = seconds * 1000
            return {"t": stamp, "T": stamp + 59_999, "o": o, "h": h, "l": low, "c": c, "v": v}
        case "alpaca":
            return {"t": f"{time:%Y-%m-%dT%H:%M:%S}Z", "o": o, "h": h, "l": low, "c": c, "v": v}
    return [seconds * 1000, o, h, low, c, v]


def _read(venue: str, rows: list[Any], now: datetime = NOW) -> Any:
    return read_candles(rows, "test", (START, START + 300 * MINUTE), "1m", conventions_of(venue), now)


numbers = st.one_of(
    st.sampled_from(
        ["NaN", "inf", "-1", "0", "1e308", "1e-30", "", "x", "1.2345678901234567890", "1.2", "5"]
    ),
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.lists(st.integers(), max_size=2),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**6).map(str),
)
stamps = st.one_of(
    st.integers(-2000, 400).map(lambda k: START + k * MINUTE),
    st.integers(0, 220 * 365 * 86_400).map(lambda s: datetime(1980, 1, 1, tzinfo=UTC) + timedelta(seconds=s)),
)


@given(
    st.sampled_from(VENUES), st.lists(st.tuples(stamps, st.tuples(*[numbers] * 5)), max_size=30), st.data()
)
def test_rows_sent_are_accepted_quarantined_or_unfinished(
    venue: str, made: list[Any], data: st.DataObject
) -> None:
    """F27, F28, F29: NaN, −1, 1e308, strings, other types, missing fields and stamps of any year."""
    rows = [_row(venue, time, prices) for time, prices in made]
    rows += data.draw(st.lists(st.sampled_from([None, 7, "row", [], {}, [1, 2], {"t": 5}]), max_size=3))
    found = _read(venue, rows)
    assert found.sent == len(rows) == found.rows.height + found.quarantine.height + found.unfinished
    good = found.rows
    assert good.schema == pl.Schema(CANDLES)
    assert good["open_time"].is_sorted()
    assert (good["low"] > 0).all()
    assert (good["low"] <= good.select(pl.min_horizontal("open", "close")).to_series()).all()
    assert (good["high"] >= good.select(pl.max_horizontal("open", "close")).to_series()).all()
    assert good["volume"].is_finite().all()
    assert good.filter(pl.col("open_time") + MINUTE + GRACE > NOW).is_empty()
    assert good.filter(pl.col("open_time").dt.epoch("us") % 60_000_000 != 0).is_empty()
    texts = [json.loads(text) for text in found.quarantine["text"]]
    assert texts == [
        json.loads(json.dumps(rows[line - 1], default=str)) for line in found.quarantine["line"]
    ] or any(
        isinstance(value, float)
        for row in rows
        for value in (row.values() if isinstance(row, dict) else row or ())
    )


@pytest.mark.parametrize("venue", VENUES)
def test_digits_are_those_that_were_sent(venue: str) -> None:
    found = _read(venue, [_row(venue, START, ("0.1", "12345678.1234567", "0.000001", "3", "0"))])
    assert found.rows.row(0) == (START, 0.1, 12345678.1234567, 0.000001, 3.0, 0.0)


@pytest.mark.parametrize("venue", VENUES)
def test_a_bar_is_closed_when_its_grace_is_over_by_the_venues_clock(venue: str) -> None:
    rows = [_row(venue, START), _row(venue, START + MINUTE)]
    assert _read(venue, rows, START + MINUTE + timedelta(seconds=2.9)).unfinished == 2
    found = _read(venue, rows[:1], START + MINUTE + timedelta(seconds=3))
    assert (found.rows.height, found.unfinished) == (1, 0)


def test_bars_of_a_quarantined_row_are_remembered() -> None:
    off = _row("coinbase", START + 5 * MINUTE + timedelta(seconds=17))
    bad = _row("coinbase", START + 7 * MINUTE, ("1", "1", "1", "-1", "1"))
    found = _read("coinbase", [off, bad, _row("coinbase", START), {**off, "start": "yesterday"}])
    assert found.spoiled == (START + 5 * MINUTE, START + 7 * MINUTE)
    assert found.unreadable == 1


def test_a_row_far_from_the_question_is_no_answer_to_it() -> None:
    """F8: Coinbase may send 300 candles before the start, Hyperliquid one, and none sends last month's."""
    early = START - 200 * MINUTE
    assert _read("coinbase", [_row("coinbase", early)]).rows.height == 1
    assert (
        "outside the span asked for"
        in _read("hyperliquid", [_row("hyperliquid", early)]).quarantine["reason"][0]
    )
    old = _row("kraken", START - timedelta(days=30))
    assert "outside the span asked for" in _read("kraken", [old]).quarantine["reason"][0]


def test_a_close_stamp_that_contradicts_its_open_is_told() -> None:
    row = {**_row("hyperliquid", START), "T": int(START.timestamp()) * 1000}
    assert "close stamp T" in _read("hyperliquid", [row]).quarantine["reason"][0]


@pytest.mark.parametrize(
    ("venue", "answer"),
    [
        ("coinbase", {}),
        ("coinbase", {"candles": None}),
        ("coinbase", {"candles": [{"time": 1, "o": 2}]}),
        ("coinbase", []),
        ("kraken", {"error": [], "result": {"last": 5}}),
        ("kraken", {"error": [], "result": {"A": [], "B": [], "last": 5}}),
        ("kraken", {"error": [], "result": {"A": [[1, 2]], "last": 5}}),
        ("hyperliquid", {"error": "x"}),
        ("hyperliquid", None),
        ("hyperliquid", [{"time": 1}]),
        ("alpaca", {"bars": {"ETH/USD": []}}),
        ("alpaca", {"bars": []}),
        ("alpaca", "bars"),
    ],
)
def test_an_answer_of_another_shape_is_bad(venue: str, answer: Any) -> None:
    """F6: where ccxt says []."""
    with pytest.raises(
        BadAnswer, match=f"{venue} answered something that is not its form of candles of BTC/USD"
    ):
        raw_rows(venue, answer, "BTC/USD")


def test_an_empty_answer_has_its_shape() -> None:
    assert raw_rows("alpaca", {"bars": {}, "next_page_token": None}, "BTC/USD") == []
    assert raw_rows("kraken", {"error": [], "result": {"XXBTZUSD": [], "last": 0}}, "XXBTZUSD") == []
    assert continues("alpaca", {"bars": {}, "next_page_token": "abc"}) == "abc"
    assert continues("alpaca", {"bars": {}, "next_page_token": None}) is None


def _candles(closes: list[float]) -> pl.DataFrame:
    times = [START + k * MINUTE for k in range(len(closes))]
    return pl.DataFrame(
        {"open_time": times, "open": closes, "high": closes, "low": closes, "close": closes, "volume": 1.0},
        schema=CANDLES,
        strict=False,
    )


def test_a_price_nobody_else_has_seen_is_far() -> None:
    """F27: absurd; but a jump that stays is a jump, and three candles are too few to judge."""
    far = far_from_neighbours(_candles([100.0] * 8 + [201.0] + [100.0] * 8), MINUTE)
    assert far.nonzero()[0].tolist() == [8]
    assert not far_from_neighbours(_candles([100.0] * 10 + [55.0] * 10), MINUTE).any()
    assert not far_from_neighbours(_candles([100.0, 900.0, 100.0]), MINUTE).any()
    assert not far_from_neighbours(_candles([100.0] * 8 + [201.0] + [100.0] * 8), timedelta(days=1)).any()


def test_neighbours_beyond_a_gap_do_not_judge() -> None:
    apart = pl.concat(
        [_candles([100.0] * 10), _candles([400.0]).with_columns(pl.col("open_time") + timedelta(hours=5))]
    )
    assert not far_from_neighbours(apart, MINUTE).any()
