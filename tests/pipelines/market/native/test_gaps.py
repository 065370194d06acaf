"""A book with a missing update says nothing until the next snapshot, and the span is reported."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from pipelines.market.minute_bars import minute_bars
from pipelines.market.native import Normalised, batches, invalidate, normalise, open_reader
from pipelines.market.schemas import BOOK_LEVELS, ORDER_BOOK, TRADES
from tests.pipelines.market.native.feeds import (
    ASKS,
    BIDS,
    DELAY,
    MAKERS,
    START,
    UNCOUNTED,
    WINDOW,
    Feed,
    Maker,
    at,
    binance_diff,
    binance_snapshot,
    hyperliquid_book,
    timed,
    unbroken,
)

EACH = pytest.mark.parametrize("maker", MAKERS, ids=[maker[0] for maker in MAKERS])
COUNTING = [maker for maker in MAKERS if maker not in UNCOUNTED]
COUNTED = pytest.mark.parametrize("maker", COUNTING, ids=[maker[0] for maker in COUNTING])
JUST = timedelta(microseconds=1)


def read(maker: Maker, feed: Feed) -> Normalised:
    found = normalise(maker[0], feed, maker[1], WINDOW, "test")
    assert found.sent == found.accounted
    return found


def seconds(found: Normalised) -> list[int]:
    """Seconds whose updates were passed on."""
    start = int(START.timestamp() * 1_000_000)
    return [(stamp - start) // 1_000_000 for stamp in found.updates["timestamp"].unique().sort()]


@EACH
def test_an_unbroken_feed_has_no_invalid_span(maker: Maker) -> None:
    found = read(maker, unbroken(maker, 20))
    assert seconds(found) == list(range(20))
    assert found.invalid.is_empty()
    assert found.quarantine.is_empty()
    assert found.updates.filter("is_snapshot").height == len(BIDS) + len(ASKS)
    assert found.notes == ()


@COUNTED
def test_f19_a_missing_update_ends_the_book_until_the_next_snapshot(maker: Maker) -> None:
    feed = unbroken(maker, 20, snapshots=(0, 15))
    del feed[11]
    found = read(maker, feed)
    assert found.invalid.select("time", "end").rows() == [(at(10) + JUST, at(15))]
    assert found.notes[-1].startswith(f"book of {maker[1]} invalid 2026-03-01 14:02:10–14:02:15: ")
    assert found.unusable == 3
    assert seconds(found) == [*range(11), *range(15, 20)]


def test_f19_a_kraken_checksum_that_disagrees_ends_the_book(  # the lost update was of another level
) -> None:
    maker = next(maker for maker in MAKERS if maker[0] == "kraken")
    feed = unbroken(maker, 20, snapshots=(0, 15))
    feed[0][1][1]["as"][3][1] = "7"  # the venue's book has 2 here: as if the update to 2 had been lost
    found = read(maker, feed)
    assert found.invalid.select("time", "end").rows() == [(at(1) + JUST, at(15))]
    assert "checksum" in found.invalid["reason"][0]
    assert seconds(found) == [0, 1, *range(15, 20)]


def test_f19_the_second_api_of_kraken_is_compared_too() -> None:
    """A lost update of a level that no later one touches: the next checksum tells."""
    maker = UNCOUNTED[1]
    feed = unbroken(maker, 20, snapshots=(0, 15))
    feed[5][1]["data"][0]["asks"] = [{"price": "102.5", "qty": "9"}]  # of which the checksum knows nothing
    found = read(maker, feed)
    assert found.invalid.select("time", "end").rows() == [(at(5) + JUST, at(15))]
    assert seconds(found) == [*range(6), *range(15, 20)]


def test_levels_beyond_the_depth_of_the_second_api_fall_out() -> None:
    """Ten levels a side were subscribed: a better bid pushes the last one out without a word."""
    feed = timed([UNCOUNTED[1][2](0), UNCOUNTED[1][3](1)])
    for side in ("bids", "asks"):
        del feed[0][1]["data"][0][side][10:]
    feed[1][1]["data"][0] |= {"bids": [{"price": "100.75", "qty": "1"}], "checksum": None}
    found = read(UNCOUNTED[1], feed)
    assert ("bid", "91.5", "0") in found.updates.select("side", "price", "amount").rows()


@COUNTED
def test_a_gap_that_no_snapshot_ends_lasts_to_the_last_message(maker: Maker) -> None:
    feed = unbroken(maker, 20)
    del feed[5]
    found = read(maker, feed)
    assert found.invalid.select("time", "end").rows() == [(at(4) + JUST, at(19) + JUST)]
    assert seconds(found) == [0, 1, 2, 3, 4]


@EACH
def test_a_lost_connection_ends_the_book(maker: Maker) -> None:
    feed = unbroken(maker, 20, snapshots=(0, 12))
    feed.insert(8, (at(7.5), None))
    found = read(maker, feed)
    assert found.invalid.select("time", "end", "reason").rows() == [
        (at(7) + JUST, at(12), "the connection was lost")
    ]
    assert seconds(found) == [*range(8), *range(12, 20)]


@EACH
def test_an_update_that_cannot_be_read_ends_the_book_and_is_quarantined(maker: Maker) -> None:
    feed = unbroken(maker, 20, snapshots=(0, 12))
    broken = repr(feed[6][1]).replace("'100.5'", "'-1'").replace("100.5", "-1.0")
    feed[6] = (feed[6][0], eval(broken))  # noqa: S307  (our own text)
    found = read(maker, feed)
    assert found.quarantine["reason"].to_list() == ["price is not a positive finite number up to 1e15"]
    assert found.quarantine["line"].to_list() == [7]
    assert found.invalid.select("time", "end").rows() == [(at(5) + JUST, at(12))]
    assert seconds(found) == [*range(6), *range(12, 20)]


@EACH
def test_text_that_is_no_json_is_quarantined_and_nothing_else_is_lost(maker: Maker) -> None:
    feed = unbroken(maker, 10)
    feed.insert(4, (at(3.5), '{"truncated": '))
    found = read(maker, feed)
    assert found.quarantine.select("line", "reason", "text").rows() == [(5, "is not JSON", '{"truncated": ')]
    assert seconds(found) == list(range(10))


@EACH
def test_two_snapshots_in_a_row_are_told_apart(maker: Maker) -> None:
    """A reader that applies `is_snapshot` after a change as a reset sees a change between the two."""
    found = read(maker, [*unbroken(maker, 1), (at(0.5), None), *unbroken(maker, 4, snapshots=(0, 2))[2:]])
    flags = found.updates["is_snapshot"].to_list()
    size = len(BIDS) + len(ASKS)
    assert flags == [*[True] * size, False, *[True] * size, False]


def test_a_hyperliquid_feed_needs_no_numbers_since_every_message_is_a_snapshot() -> None:
    feed = timed([hyperliquid_book(second) for second in range(20)])
    whole = normalise("hyperliquid", feed, "BTC", WINDOW, "test")
    del feed[7:9]
    holed = normalise("hyperliquid", feed, "BTC", WINDOW, "test")
    assert holed.invalid.is_empty()
    assert whole.updates.tail(11).equals(holed.updates.tail(11))
    assert whole.sent == whole.accounted == 24 + 19


def test_a_level_that_leaves_a_hyperliquid_book_is_removed() -> None:
    feed = timed([hyperliquid_book(second) for second in range(2)])
    feed[1][1]["data"]["levels"][1].pop(0)
    found = normalise("hyperliquid", feed, "BTC", WINDOW, "test")
    assert ("ask", "101.5", "0") in found.updates.select("side", "price", "amount").rows()


def test_diffs_that_came_before_their_snapshot_are_bridged_to_it() -> None:
    messages = [binance_diff(1), binance_diff(2), binance_diff(3), binance_snapshot(2), binance_diff(4)]
    found = read(MAKERS[0], timed(messages))
    assert seconds(found) == [2, 3, 4]
    third = found.updates.filter(pl.col("timestamp") == int(at(3).timestamp() * 1e6))
    assert third["local_timestamp"].to_list() == [int((at(3) + DELAY).timestamp() * 1e6)]
    assert found.unusable == 2


def test_a_snapshot_too_old_for_the_diffs_after_it_is_not_used() -> None:
    messages = [binance_diff(5), binance_snapshot(2), binance_diff(6), binance_snapshot(6), binance_diff(7)]
    found = read(MAKERS[0], timed(messages))
    assert seconds(found) == [6, 7]
    assert found.unusable == len(BIDS) + len(ASKS) + 2


def test_batches_say_what_one_reading_says() -> None:
    feed = unbroken(MAKERS[1], 200, snapshots=(0, 150))
    del feed[100]
    whole = read(MAKERS[1], feed)
    parts = list(batches(open_reader("coinbase", "BTC-USD", WINDOW, "test"), feed, rows=30))
    assert len(parts) > 5
    assert pl.concat(part.updates for part in parts).equals(whole.updates)
    assert sum(part.sent for part in parts) == whole.sent == sum(part.accounted for part in parts)
    assert parts[-1].invalid.equals(whole.invalid)


def test_no_feature_comes_from_an_invalid_book() -> None:
    """Seconds 10 to 40 of a minute are invalid: the book is known for the other thirty, and not carried in."""

    def state(second: int) -> dict[str, Any]:
        levels = {
            f"{side}_{what}_{level}": value
            for level in range(1, BOOK_LEVELS + 1)
            for side, price in (("bid", 100.5 - level), ("ask", 100.5 + level))
            for what, value in (("price", price), ("amount", 1.0))
        }
        return {"time": at(second), "local_time": at(second) + DELAY, **levels}

    book = pl.DataFrame([state(second) for second in range(-2, 60, 2)], schema=ORDER_BOOK)
    invalid = pl.DataFrame({"time": [at(10)], "end": [at(40)], "reason": ["updates are missing"]})
    trades = pl.DataFrame(schema=TRADES)
    day = date(2026, 3, 1)
    known = (
        minute_bars(trades, book, day, check_local_time=True)
        .filter(pl.col("open_time") == START)["book_seconds"]
        .item()
    )
    holed = (
        minute_bars(trades, invalidate(book, invalid), day, check_local_time=True)
        .filter(pl.col("open_time") == START)["book_seconds"]
        .item()
    )
    assert known == pytest.approx(60, abs=1e-6)
    assert holed == pytest.approx(30, abs=1e-5)
    assert invalidate(book, invalid.head(0)).equals(book)
