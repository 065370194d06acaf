"""Trades of native messages: whose side, which order, which time, and what happens to those that come twice."""

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import BadData, UnknownName
from pipelines.market.native import Normalised, normalise
from pipelines.market.native.fields import iso_us, millis_us, seconds_us
from pipelines.market.native.trade_archives import parse_freqtrade_trades, parse_kraken_trades
from pipelines.market.rows import STANDING
from tests.pipelines.market.native.feeds import START, WINDOW, Feed, at, iso, ms, timed


def binance(second: float, number: Any, sold: bool, price: str = "100.5", amount: str = "0.25") -> Any:
    data = {"e": "trade", "E": ms(second) + 3, "T": ms(second), "s": "BTCUSDT", "t": number, "p": price}
    return {"stream": "btcusdt@trade", "data": {**data, "q": amount, "X": "MARKET", "m": sold}}


def coinbase(second: float, number: Any, sold: bool, price: str = "100.5", amount: str = "0.25") -> Any:
    trade = {"product_id": "BTC-USD", "trade_id": str(number), "price": price, "size": amount}
    trade |= {"time": iso(second), "side": "BUY" if sold else "SELL"}  # the maker's
    return {"channel": "market_trades", "sequence_num": 0, "events": [{"type": "update", "trades": [trade]}]}


def hyperliquid(second: float, number: Any, sold: bool, price: str = "100.5", amount: str = "0.25") -> Any:
    trade = {"coin": "BTC", "side": "A" if sold else "B", "px": price, "sz": amount, "time": ms(second)}
    return {"channel": "trades", "data": [{**trade, "hash": "0x0", "tid": number}]}


def deribit(second: float, number: Any, sold: bool, price: str = "100.5", amount: str = "0.25") -> Any:
    trade = {"trade_seq": number, "trade_id": f"x{number}", "timestamp": ms(second), "price": price}
    trade |= {"amount": amount, "direction": "sell" if sold else "buy"}
    return {"method": "subscription", "params": {"channel": "trades.BTC-PERPETUAL.raw", "data": [trade]}}


def kraken(second: float, number: Any, sold: bool, price: str = "100.5", amount: str = "0.25") -> Any:
    return [
        1,
        [[price, amount, f"{at(second).timestamp():.6f}", "s" if sold else "b", "m", ""]],
        "trade",
        "XBT/USD",
    ]


def kraken_second(second: float, number: Any, sold: bool, price: str = "100.5", amount: str = "0.25") -> Any:
    trade = {"symbol": "BTC/USD", "side": "sell" if sold else "buy", "price": price, "qty": amount}
    trade |= {"ord_type": "limit", "trade_id": number, "timestamp": iso(second)}
    return {"channel": "trade", "type": "update", "data": [trade]}


def coinbase_exchange(
    second: float, number: Any, sold: bool, price: str = "100.5", amount: str = "0.25"
) -> Any:
    trade = {"type": "match", "product_id": "BTC-USD", "trade_id": number, "sequence": 50, "price": price}
    return trade | {"size": amount, "time": iso(second), "side": "buy" if sold else "sell"}  # the maker's


def bybit(second: float, number: Any, sold: bool, price: str = "100.5", amount: str = "0.25") -> Any:
    trade = {"T": ms(second), "s": "BTCUSDT", "S": "Sell" if sold else "Buy", "v": amount, "p": price}
    data = [{**trade, "L": "PlusTick", "i": str(number), "BT": False}]
    return {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": ms(second), "data": data}


Maker = Callable[..., Any]
ALL: list[tuple[str, str, Maker]] = [
    ("binance-futures", "BTCUSDT", binance),
    ("coinbase", "BTC-USD", coinbase),
    ("hyperliquid", "BTC", hyperliquid),
    ("deribit", "BTC-PERPETUAL", deribit),
    ("kraken", "BTC/USD", kraken_second),
    ("coinbase", "BTC-USD", coinbase_exchange),
    ("bybit", "BTCUSDT", bybit),
    ("kraken", "XBT/USD", kraken),
]
EACH = pytest.mark.parametrize(("exchange", "symbol", "make"), ALL, ids=[name for name, _, _ in ALL])
NUMBERED = pytest.mark.parametrize(
    ("exchange", "symbol", "make"), ALL[:-1], ids=[name for name, _, _ in ALL[:-1]]
)


def read(exchange: str, symbol: str, feed: Feed) -> Normalised:
    found = normalise(exchange, feed, symbol, WINDOW, "test")
    assert found.sent == found.accounted
    return found


@EACH
def test_the_side_is_the_aggressors(exchange: str, symbol: str, make: Maker) -> None:
    found = read(exchange, symbol, timed([make(0, 1, sold=True), make(1, 2, sold=False)]))
    assert found.trades.select("time", "side", "price", "amount").rows() == [
        (at(0), -1, 100.5, 0.25),
        (at(1), 1, 100.5, 0.25),
    ]


@NUMBERED
def test_f15_trades_of_one_millisecond_are_ordered_by_id_whatever_their_order_of_arrival(
    exchange: str, symbol: str, make: Maker
) -> None:
    messages = [make(5, number, sold=bool(number % 2)) for number in (14, 11, 13, 10, 12)]
    found = read(exchange, symbol, timed(messages))
    assert found.trades["id"].to_list() == [10, 11, 12, 13, 14]
    assert found.out_of_order == 4
    assert any("younger one" in note for note in found.notes)


def test_f15_fractions_of_a_second_are_decimals() -> None:
    """`.77` is 770 ms and `.077` is 77 ms: read as whole numbers both are 77."""
    second = int(datetime.fromisoformat("2015-11-14T20:46:03+00:00").timestamp()) * 1_000_000
    assert iso_us("2015-11-14T20:46:03.77Z") == second + 770_000
    assert iso_us("2015-11-14T20:46:03.077Z") == second + 77_000
    assert iso_us("2015-11-14T20:46:03Z") == second
    assert iso_us("2015-11-14T20:46:03.123456789Z") == second + 123_456
    assert seconds_us("1618678142.77") == 1618678142_770_000
    assert seconds_us("1618678142.077") == 1618678142_077_000


@given(st.integers(0, 2**41), st.integers(0, 999_999))
def test_seconds_as_text_are_exact(seconds: int, micros: int) -> None:
    text = f"{seconds}.{micros:06d}".rstrip("0").rstrip(".")
    assert seconds_us(text) == (seconds * 1_000_000 + micros if seconds < 10**11 else None)


@pytest.mark.parametrize(
    "value", [None, "", "NaN", "1e308", -1.5, True, 1e308, "2026-13-01T00:00:00Z", {}, "9" * 30]
)
def test_what_is_no_time_is_none(value: Any) -> None:
    assert iso_us(value) is None
    assert seconds_us(value) is None
    assert millis_us(value) is None


@NUMBERED
def test_f16_a_repeated_id_with_equal_values_is_counted_and_with_others_quarantined(
    exchange: str, symbol: str, make: Maker
) -> None:
    same, other = make(1, 11, sold=True), make(1, 11, sold=True, amount="0.26")
    found = read(exchange, symbol, timed([make(0, 10, sold=True), same, same, other]))
    assert found.repeats == 1
    assert found.trades["amount"].sum() == 0.5, "volume is invariant under replay"
    assert found.quarantine["reason"].to_list() == ["repeats the id of message 2 with other values"]


@NUMBERED
def test_replaying_a_feed_changes_no_volume(exchange: str, symbol: str, make: Maker) -> None:
    feed = timed([make(k / 10, 10 + k, sold=bool(k % 3)) for k in range(50)])
    once, twice = read(exchange, symbol, feed), read(exchange, symbol, [*feed, *feed[20:]])
    assert twice.trades.equals(once.trades)
    assert twice.repeats == 30


def test_skipped_ids_are_counted_where_ids_are_dense() -> None:
    feed = timed([binance(k, number, sold=True) for k, number in enumerate((10, 11, 15, 14, 16))])
    found = read("binance-futures", "BTCUSDT", feed)
    assert found.missing_ids == 2
    assert "2 trade ids are missing" in found.notes[0]


def test_bybits_hashes_are_numbered_by_arrival() -> None:
    feed = timed([bybit(k, f"5f2c1a{k}e-aa", sold=True) for k in range(3)])
    assert read("bybit", "BTCUSDT", feed).trades["id"].to_list() == [1, 2, 3]


def test_the_second_api_of_kraken_counts_its_trades() -> None:
    feed = timed([kraken_second(k, number, sold=True) for k, number in enumerate((10, 11, 14))])
    assert read("kraken", "BTC/USD", feed).missing_ids == 2


def test_trades_that_are_not_of_the_market_are_quarantined_and_their_ids_are_not_missing() -> None:
    feed = timed([binance(k, 10 + k, sold=True) for k in range(4)])
    feed[2][1]["data"]["X"] = "INSURANCE_FUND"
    found = read("binance-futures", "BTCUSDT", feed)
    assert found.trades["id"].to_list() == [10, 11, 13]
    assert found.quarantine["reason"].to_list() == ["is no trade of the market but INSURANCE_FUND"]
    assert found.missing_ids == 0


BAD = [
    ("price", "NaN", "price is not"),
    ("price", "-1", "price is not"),
    ("price", "1e308", "price is not"),
    ("price", "abc", "price is not"),
    ("price", "0", "price is not"),
    ("price", "1_0", "price is not"),
    ("price", "12345678.123456789", "more than 15 significant digits"),
    ("amount", "inf", "amount is not"),
    ("amount", "-0.5", "amount is not"),
]


@EACH
@pytest.mark.parametrize(("field", "value", "reason"), BAD)
def test_a_broken_row_is_quarantined_with_its_reason(
    exchange: str, symbol: str, make: Maker, field: str, value: str, reason: str
) -> None:
    messages = [make(0, 1, sold=True), make(1, 2, sold=True, **{field: value}), make(2, 3, sold=True)]
    found = read(exchange, symbol, timed(messages))
    assert found.trades.height == 2
    assert reason in found.quarantine["reason"][0]
    assert value in found.quarantine["text"][0]


@EACH
def test_a_future_stamp_is_quarantined(exchange: str, symbol: str, make: Maker) -> None:
    found = read(exchange, symbol, timed([make(0, 1, sold=True), make(90_000, 2, sold=True)]))
    assert found.trades.height == 1
    assert "timestamp is not in" in found.quarantine["reason"][0]


@EACH
def test_prices_keep_their_decimals(exchange: str, symbol: str, make: Maker) -> None:
    found = read(exchange, symbol, timed([make(0, 1, sold=True, price="0.000022940", amount="13355.874507")]))
    assert Decimal(repr(found.trades["price"][0])) == Decimal("0.000022940")
    assert Decimal(repr(found.trades["amount"][0])) == Decimal("13355.874507")


def test_messages_of_another_symbol_are_not_taken() -> None:
    found = read("binance-futures", "ETHUSDT", timed([binance(0, 1, sold=True)]))
    assert found.sent == 0


def test_of_two_trade_streams_one_is_taken() -> None:
    whole = {
        "e": "aggTrade",
        "E": ms(1),
        "T": ms(1),
        "s": "BTCUSDT",
        "a": 7,
        "p": "1",
        "q": "2",
        "f": 1,
        "l": 2,
        "m": False,
    }
    found = read(
        "binance-futures", "BTCUSDT", timed([whole, binance(1, 1, sold=False), binance(1, 2, sold=False)])
    )
    assert found.trades.select("id", "side", "amount").rows() == [(7, 1, 2.0)]


def test_an_unknown_exchange_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(UnknownName, match=r"bitmex.*expected one of binance-futures"):
        normalise("bitmex", [], "XBTUSD", WINDOW, "test")


def test_archives_say_what_they_lack() -> None:
    moment = int(START.timestamp())
    found = parse_kraken_trades(f"{moment},90.5,1.25\nbroken\n{moment},NaN,1\n".encode(), "k.csv", WINDOW)
    assert found.rows.select("price", "amount", "side").rows() == [(90.5, 1.25, None)]
    assert found.quarantine["line"].to_list() == [2, 3]
    assert "aggressor" in found.notes[0]
    rows = [[ms(0), "7", None, "buy", 1.5, 2.0, 3.0], [ms(0), "8", None, "hold", 1.5, 2.0, 3.0], [1]]
    found = parse_freqtrade_trades(json.dumps(rows).encode(), "f.json", WINDOW)
    assert found.rows.select("id", "side").rows() == [(7, 1)]
    assert found.quarantine["line"].to_list() == [2, 3]
    with pytest.raises(BadData, match="no JSON"):
        parse_freqtrade_trades(b"<html>", "f.json", WINDOW)


def test_empty_feeds_give_empty_tables() -> None:
    for exchange, symbol, _ in ALL:
        found = read(exchange, symbol, [])
        assert found.trades.schema == pl.Schema(found.trades.schema)
        assert found.sent == 0
        assert found.delay is None


def test_a_price_that_nobody_near_it_paid_is_quarantined_and_a_jump_that_stays_is_not() -> None:
    """Price and amount of one trade changed places: each of its fields is sound, its neighbours are not of its kind."""
    swapped = [binance(k, k, sold=True, price="0.25" if k == 20 else "100.5") for k in range(40)]
    found = read("binance-futures", "BTCUSDT", timed(swapped))
    assert found.quarantine.select("line", "reason").rows() == [
        (21, "price is more than half off the median of the ten trades around it")
    ]
    assert found.trades["id"].to_list() == [k for k in range(40) if k != 20]
    crash = [binance(k, k, sold=True, price="100.5" if k < 20 else "40.5") for k in range(40)]
    assert read("binance-futures", "BTCUSDT", timed(crash)).quarantine.is_empty()


def test_archives_say_where_their_refused_rows_stand() -> None:
    moment = int(START.timestamp())
    lines = ["broken", *(f"{moment + k},{0.2 if k == 30 else 90.5},1.25" for k in range(60)), "broken too"]
    found = parse_kraken_trades("\n".join(lines).encode(), "k.csv", WINDOW)
    assert found.rows.height == 59
    standing = found.quarantine.sort("line").select("line", STANDING).rows()
    assert standing == [(1, at(0)), (32, at(29)), (62, at(59))]
