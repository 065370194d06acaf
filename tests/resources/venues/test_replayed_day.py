"""Days replayed through the real client: what each exchange says, what lies around midnight, and what is refused."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.errors import BadAnswer, MissingData, UnknownName
from tests.pipelines.market.native import feeds
from tests.pipelines.market.native import test_trades as makers
from tests.resources.venues.replaying import (
    DAY,
    SPAN,
    Frozen,
    diff,
    ms,
    replaying,
    sent,
    serving,
    snapshot,
    trade,
)

BINANCE = "binance-futures"
FEED_SPAN = (feeds.START, feeds.START + timedelta(minutes=4))
EXCHANGES = [(maker[0], maker[1], maker[2], maker[3]) for maker in feeds.MAKERS]
TRADES = [(exchange, symbol, make) for exchange, symbol, make in makers.ALL if symbol != "BTC"]


def recorded(messages: list[tuple[Any, Any]]) -> list[tuple[int, bytes]]:
    """A test feed as the recorder wrote it."""
    offset = (feeds.START - DAY).total_seconds()
    return sent(*(((moment - feeds.START).total_seconds() + offset, text) for moment, text in messages))


@pytest.mark.parametrize("maker", EXCHANGES, ids=[maker[0] for maker in EXCHANGES])
def test_every_feed_is_replayed_as_a_book(maker: Any, tmp_path: Path) -> None:
    exchange, symbol, *_ = maker
    feed = feeds.unbroken(maker, 20)
    if exchange == BINANCE:
        feed[0] = (feed[0][0], {"stream": "btcusdt@depthSnapshot", "data": feed[0][1]})
    with serving(exchange, recorded(feed)) as venue:
        found = replaying(venue, tmp_path).book(exchange, symbol, FEED_SPAN)
    assert found.frame["bid_amount_1"].to_list() == [2.0, *(float(n + 3) for n in range(1, 20))]
    assert (found.quarantine.height, found.crossed) == (0, 0)


@pytest.mark.parametrize(("exchange", "symbol", "make"), TRADES)
def test_every_feed_is_replayed_as_trades(exchange: str, symbol: str, make: Any, tmp_path: Path) -> None:
    feed = feeds.timed([make(second, 10 + second, sold=second % 2 == 0) for second in range(20)])
    with serving(exchange, recorded(feed)) as venue:
        found = replaying(venue, tmp_path).trades(exchange, symbol, FEED_SPAN)
    assert found.frame["side"].to_list() == [-1, 1] * 10
    assert found.quarantine.is_empty()


@pytest.mark.parametrize(
    "times", [{"E": ms(-0.03), "T": ms(-0.03)}, {"T": ms(0)}, {"made": 1}], ids=["before", "T", "neither"]
)
def test_the_day_has_a_book_whatever_its_snapshot_says_of_its_moment(
    times: dict[str, int], tmp_path: Path
) -> None:
    """Sent 30 ms before midnight and received after it, or without a stamp: the whole day hangs on it."""
    messages = [(0.01, snapshot(0, **times)), *((n + 0.01, diff(n, n)) for n in range(1, 100))]
    with serving(BINANCE, sent(*messages)) as venue:
        found = replaying(venue, tmp_path).book(BINANCE, "BTCUSDT", SPAN)
    assert found.frame.filter(pl.col("bid_price_1").is_not_null()).height == (99 if "E" in times else 100)
    assert found.quarantine.is_empty()
    assert not found.notes


def test_trades_of_the_days_beside_are_cut_and_their_broken_rows_are_theirs(tmp_path: Path) -> None:
    """Sound ones vanish into their own day; a broken one is refused by the day whose recording it is in."""
    end = 240.0
    messages = [
        *((n, trade(100 + n, n)) for n in range(-30, 0, 10)),
        (-0.5, trade(99, -0.5, price="NaN")),
        (0.004, trade(1000, -0.001)),
        *((n, trade(1000 + n, n)) for n in range(1, 200)),
        (200.5, trade(2000, 200.5, price="NaN")),
        (end + 0.004, trade(3000, end - 0.001)),
        (end + 1, trade(3001, end + 1)),
        (end + 2, trade(3002, end + 2, price="NaN")),
    ]
    with serving(BINANCE, sent(*messages)) as venue:
        found = replaying(venue, tmp_path).trades(BINANCE, "BTCUSDT", SPAN)
    assert found.frame["id"].to_list() == [*range(1001, 1200), 3000]
    assert found.quarantine["text"].str.contains("2000").to_list() == [True]


def test_a_list_of_old_trades_that_opens_a_feed_is_not_broken(tmp_path: Path) -> None:
    old = [makers.coinbase(-3000 + n, 500 + n, sold=True) for n in range(5)]
    feed = [(feeds.at(0), message) for message in old]
    feed += feeds.timed([makers.coinbase(n, 505 + n, sold=True) for n in range(5)])
    with serving("coinbase", recorded(feed)) as venue:
        found = replaying(venue, tmp_path).trades("coinbase", "BTC-USD", FEED_SPAN)
    assert found.frame["id"].to_list() == [505, 506, 507, 508, 509]
    assert found.quarantine.is_empty()


def test_a_level_removed_under_an_older_stamp_does_not_come_back(tmp_path: Path) -> None:
    messages = [
        (0.1, snapshot(0)),
        (1.1, diff(1, 1.0, bids=[["60000.5", "5"]])),
        (1.2, diff(2, 0.9, bids=[["60000.5", "0"]])),
        (30.0, diff(3, 30.0, bids=[["59999.0", "2"]])),
    ]
    with serving(BINANCE, sent(*messages)) as venue:
        found = replaying(venue, tmp_path).book(BINANCE, "BTCUSDT", SPAN)
    assert found.frame["bid_price_1"].to_list() == [60000.0, 60000.5, 60000.0, 60000.0]
    assert found.frame["time"].is_sorted()


def test_crossed_states_are_counted_within_the_day_alone(tmp_path: Path) -> None:
    """One in the margin before, two in the day (one crossed, one locked), one in the margin after."""
    bids = {1: "60002.0", 2: None, 10: "60005.0", 11: None, 12: "60001.0", 13: None, 20: "60009.0"}
    seconds = {1: -20.0, 2: -19.0, 20: 250.0}
    messages: list[tuple[float, Any]] = [(-30.0, snapshot(-30))]
    last = "60000.0"
    for number in range(1, 21):
        at, price = seconds.get(number, float(number)), bids.get(number, "59990.0")
        levels = [[last, "0"]] if price is None else [[price, "1"]]
        messages.append((at, diff(number, at, bids=levels)))
        last = price or last
    with serving(BINANCE, sent(*messages)) as venue:
        found = replaying(venue, tmp_path).book(BINANCE, "BTCUSDT", SPAN)
    assert found.crossed == 2
    assert "2 crossed or locked book states were left out" in found.notes
    assert not (found.frame["bid_price_1"] >= found.frame["ask_price_1"]).any()


def test_messages_that_nobody_reads_are_no_empty_day(tmp_path: Path) -> None:
    strange = [(n, {"channel": "trade", "symbol": "XBT/USD", "event2": n}) for n in range(9)]
    told = r'9 messages of kraken XBT/USD .* gave not one row: .*"event2": 0'
    with serving("kraken", sent(*strange)) as venue, pytest.raises(BadAnswer, match=told):
        replaying(venue, tmp_path).trades("kraken", "XBT/USD", SPAN)


def test_some_unknown_messages_among_trades_are_a_note(tmp_path: Path) -> None:
    new = {"stream": "btcusdt@trade", "data": {"e": "tradeLite", "s": "btcusdt", "t": 7}}
    with serving(BINANCE, sent(*((n, trade(n, n)) for n in range(9)), (9, new), (10, new))) as venue:
        found = replaying(venue, tmp_path).trades(BINANCE, "BTCUSDT", SPAN)
    assert found.frame.height == 9
    assert "2 messages are of a shape that nobody here reads, the first: " in found.notes[0]
    assert "tradeLite" in found.notes[0]


def test_a_day_whose_book_is_never_known_is_refused(tmp_path: Path) -> None:
    """Updates without a snapshot; and a snapshot before midnight after which the first update is missing."""
    for first in ([], [(-5.0, snapshot(-5)), (-4.0, diff(1, -4.0))]):
        lost = [(float(n), diff(n + 3, n)) for n in range(1, 60)]
        messages = sent((-6.0, snapshot(-6) | {"data": {}}), *first, *lost)
        told = "BTCUSDT of binance-futures is known at no moment of 2026-03-01 00:00"
        with serving(BINANCE, messages) as venue, pytest.raises(BadAnswer, match=told):
            replaying(venue, tmp_path).book(BINANCE, "BTCUSDT", SPAN)


def test_a_quiet_book_that_was_known_before_midnight_is_no_bad_answer(tmp_path: Path) -> None:
    with serving(BINANCE, sent((-5.0, snapshot(-5)), (-4.0, diff(1, -4.0)))) as venue:
        assert replaying(venue, tmp_path).book(BINANCE, "BTCUSDT", SPAN).frame.is_empty()


def test_a_symbol_without_a_message_is_missing(tmp_path: Path) -> None:
    told = r"no messages of binance-futures ETHUSDT .*symbol's spelling"
    with serving(BINANCE, sent((1, trade(1, 1)))) as venue, pytest.raises(MissingData, match=told):
        replaying(venue, tmp_path).trades(BINANCE, "ETHUSDT", SPAN)


@pytest.mark.parametrize("clock", [True, False], ids=["our clock", "its answer"])
def test_what_the_archive_has_not_got_yet_is_asked_for_again_later(clock: bool, tmp_path: Path) -> None:
    soon = SPAN[1] + timedelta(seconds=30)
    with serving(BINANCE, sent((1, trade(1, 1))), now=soon) as venue:
        day = replaying(venue, tmp_path, Frozen(soon) if clock else None)
        with pytest.raises(
            MissingData, match=r"four to five minutes later; ask again after 2026-03-01 00:10 UTC"
        ):
            day.trades(BINANCE, "BTCUSDT", SPAN)
        assert bool(venue.of_kind("replay")) is not clock


def test_a_channel_that_the_archive_does_not_have_is_named(tmp_path: Path) -> None:
    with serving(BINANCE, sent((1, trade(1, 1)))) as venue:
        day = replaying(venue, tmp_path)
        with pytest.raises(MissingData, match="expected depth or depthSnapshot, found trade; set source"):
            day.book(BINANCE, "BTCUSDT", SPAN)
        with pytest.raises(UnknownName, match="'bitmex' cannot be replayed here: expected one of binance"):
            day.book("bitmex", "XBTUSD", SPAN)
        assert not venue.of_kind("replay")
