"""No message vanishes: it is read, known to say nothing, or counted as unknown with its beginning."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.market.native import READERS, batches, normalise, open_reader
from tests.pipelines.market.native.feeds import (
    ASKS,
    BIDS,
    DELAY,
    MAKERS,
    WINDOW,
    at,
    binance_diff,
    binance_snapshot,
    coinbase_exchange_book,
    kraken_change,
    kraken_snapshot,
    timed,
    unbroken,
)

STRANGE: list[tuple[str, str, Any]] = [
    (
        "binance-futures",
        "BTCUSDT",
        {"stream": "btcusdt@newThing", "data": {"e": "newThing", "s": "BTCUSDT2"}},
    ),
    ("bybit", "BTCUSDT", {"topic": "orderBook_200.100ms.BTCUSDT", "type": "delta", "data": {}}),
    ("coinbase", "BTC-USD", {"type": "matches2", "product_id": "BTC-USD"}),
    ("deribit", "BTC-PERPETUAL", {"method": "subscription", "params": {"channel": "new.BTC.raw", "data": 1}}),
    ("hyperliquid", "BTC", {"channel": "l4Book", "data": {}}),
    ("kraken", "XBT/USD", {"channel": "book", "type": "snapshot"}),
    ("kraken", "XBT/USD", [1, {}, "books-10", "XBT/USD"]),
]
SILENT: list[tuple[str, str, Any]] = [
    ("binance-futures", "BTCUSDT", {"result": None, "id": 1}),
    ("binance-futures", "BTCUSDT", {"stream": "a@markPrice", "data": {"e": "markPriceUpdate", "s": "A"}}),
    ("bybit", "BTCUSDT", {"success": True, "op": "subscribe", "conn_id": "x"}),
    ("bybit", "BTCUSDT", {"topic": "tickers.BTCUSDT", "type": "delta", "data": {}}),
    ("coinbase", "BTC-USD", {"type": "subscriptions", "channels": []}),
    ("coinbase", "BTC-USD", {"channel": "heartbeats", "sequence_num": 0, "events": []}),
    ("deribit", "BTC-PERPETUAL", {"jsonrpc": "2.0", "id": 1, "result": ["trades.BTC-PERPETUAL.raw"]}),
    ("hyperliquid", "BTC", {"channel": "pong"}),
    ("kraken", "XBT/USD", {"event": "heartbeat"}),
    ("kraken", "BTC/USD", {"channel": "heartbeat"}),
    ("kraken", "BTC/USD", {"method": "subscribe", "success": True, "result": {"channel": "book"}}),
    ("kraken", "XBT/USD", [1, ["1", "2", "3"], "spread", "XBT/USD"]),
]


@pytest.mark.parametrize(("exchange", "symbol", "message"), STRANGE)
def test_an_unknown_shape_is_counted_with_its_beginning(exchange: str, symbol: str, message: Any) -> None:
    found = normalise(exchange, timed([message] * 3), symbol, WINDOW, "test")
    assert (found.messages, found.unknown, found.sent) == (3, 3, 0)
    assert len(found.first) > 10
    assert "3 messages are of a shape that nobody here reads, the first: " + found.first in found.notes[0]


@pytest.mark.parametrize(("exchange", "symbol", "message"), SILENT)
def test_what_is_known_to_say_nothing_is_no_message(exchange: str, symbol: str, message: Any) -> None:
    found = normalise(exchange, timed([message] * 3), symbol, WINDOW, "test")
    assert (found.messages, found.unknown, found.sent, found.notes) == (0, 0, 0, ())


@pytest.mark.parametrize("maker", MAKERS, ids=[maker[0] for maker in MAKERS])
def test_messages_of_another_symbol_are_known(maker: Any) -> None:
    found = normalise(maker[0], unbroken(maker, 5, snapshots=()), "NOTHING", WINDOW, "test")
    assert found.messages == 5
    assert (found.unknown, found.updates.height) == (0, 0)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(sorted(READERS)), st.lists(ANYTHING, max_size=6))
def test_of_messages_that_mean_nothing_each_is_refused_or_counted(exchange: str, messages: list[Any]) -> None:
    """Whatever is no message of the exchange: a quarantined row, an unknown shape, a lost connection or an answer."""
    found = normalise(exchange, timed(messages), "BTC", WINDOW, "test")
    lost = sum(message is None for message in messages)
    answers = sum(
        isinstance(m, dict) and bool({"result", "error", "url", "op", "success", "event", "method"} & set(m))
        for m in messages
    )
    assert found.quarantine.height + found.unknown + lost + answers >= len(messages)


def test_batches_count_each_message_once() -> None:
    feed = unbroken(MAKERS[1], 100)
    feed[40:40] = timed([{"type": "matches2"}] * 3)
    parts = list(batches(open_reader("coinbase", "BTC-USD", WINDOW, "test"), feed, rows=30))
    assert sum(part.messages for part in parts) == 103
    assert sum(part.unknown for part in parts) == 3


@pytest.mark.parametrize("gone", [("E",), ("E", "T")], ids=["no E", "neither"])
def test_a_book_without_its_moment_has_the_transactions_or_the_recorders(gone: tuple[str, ...]) -> None:
    snapshot, diff = binance_snapshot(0), binance_diff(1)
    for name in gone:
        del snapshot[name], diff["data"][name]
    found = normalise("binance-futures", timed([snapshot, diff]), "BTCUSDT", WINDOW, "test")
    late = DELAY if "T" in gone else DELAY * 0
    expected = [int((at(second) + late).timestamp() * 1e6) for second in (0, 1)]
    assert found.updates["timestamp"].unique().sort().to_list() == expected
    assert found.quarantine.is_empty()


def test_a_snapshot_of_an_old_kraken_book_is_of_now() -> None:
    """Every level was set an hour ago: the pair is quiet, and the book is known from the snapshot on."""
    feed = timed([kraken_snapshot(0), kraken_change(1)])
    for level in [*feed[0][1][1]["as"], *feed[0][1][1]["bs"]]:
        level[2] = f"{at(-3600).timestamp():.6f}"
    found = normalise("kraken", feed, "XBT/USD", WINDOW, "test")
    assert found.updates["timestamp"][0] == int((at(0) + DELAY).timestamp() * 1e6)


def test_a_coinbase_book_of_the_year_one_or_without_a_time_has_the_recorders() -> None:
    snapshot, update = coinbase_exchange_book(0, "snapshot"), coinbase_exchange_book(1, "l2update")
    del snapshot["time"]
    update["time"] = "0001-01-01T00:00:00.000000Z"
    found = normalise("coinbase", timed([snapshot, update]), "BTC-USD", WINDOW, "test")
    expected = [int((at(second) + DELAY).timestamp() * 1e6) for second in (0, 1)]
    assert found.updates["timestamp"].unique().sort().to_list() == expected
    broken = coinbase_exchange_book(1, "l2update") | {"time": "yesterday"}
    lost = normalise("coinbase", timed([snapshot, broken]), "BTC-USD", WINDOW, "test")
    assert (lost.quarantine.height, lost.invalid.height) == (1, 1)
    assert lost.updates.height == len(BIDS) + len(ASKS)
