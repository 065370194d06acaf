"""One book snapshot of each venue, and crossed ones that are never used (F20). Real clients, real server."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.errors import BadAnswer, VenueDown
from pipelines.market.rows import QUARANTINE
from pipelines.market.schemas import ORDER_BOOK
from resources.sources.source import Delivery
from resources.venues.books import fetch_book, require_book
from tests.resources.venues.fetching import START, VENUES, Fetching, data_of, day_of
from tests.venue import Venue

NOW = START + timedelta(minutes=45, microseconds=123_456)


def ask(server: Venue, venue: str, folder: Path) -> tuple[Delivery, Fetching]:
    asking = Fetching(server, venue, folder)
    exchange, transport = asking.open()
    try:
        return fetch_book(asking.market, exchange, transport), asking
    finally:
        transport.close()


@pytest.mark.parametrize("venue", VENUES)
def test_ten_levels_in_order_with_the_venues_time(tmp_path: Path, venue: str) -> None:
    with Venue(data_of(day_of(60)), now=NOW) as server:
        delivery, asking = ask(server, venue, tmp_path)
        assert len(server.of_kind("book")) == 1
    assert dict(delivery.frame.schema) == ORDER_BOOK
    assert delivery.frame.height == 1
    assert delivery.quarantine.is_empty()
    row = delivery.frame.row(0, named=True)
    asks = [row[f"ask_price_{k}"] for k in range(1, 11)]
    bids = [row[f"bid_price_{k}"] for k in range(1, 11)]
    assert None not in asks + bids + [row[f"{s}_amount_{k}"] for s in ("bid", "ask") for k in range(1, 11)]
    assert asks == sorted(set(asks))
    assert bids == sorted(set(bids), reverse=True)
    assert bids[0] < asks[0]
    if venue == "kraken":  # gives no time of the book
        assert row["time"] == row["local_time"]
        assert "gives no time" in delivery.notes[0]
    else:
        assert abs(row["time"] - NOW) < timedelta(milliseconds=1)
        assert delivery.notes == ()
    assert abs(row["local_time"] - asking.clock.now()) < timedelta(minutes=1)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("locked", [False, True])
def test_f20_a_crossed_book_is_asked_for_again_and_never_used(
    tmp_path: Path, venue: str, locked: bool
) -> None:
    word = "locked" if locked else "crossed"
    with Venue(data_of(day_of(60)), now=NOW) as server:
        server.play("F20", every=2, locked=locked)
        delivery, _ = ask(server, venue, tmp_path)
        assert len(server.of_kind("book")) == 2
        assert delivery.frame.height == 1
        assert delivery.frame["bid_price_1"][0] < delivery.frame["ask_price_1"][0]
        assert delivery.quarantine["reason"].str.contains(word).to_list() == [True]
        assert any("1 of 2 snapshots refused, another was used" in note for note in delivery.notes)

        server.stop_faults()
        server.clear()
        server.play("F20", every=1, locked=locked)
        delivery, asking = ask(server, venue, tmp_path)
        assert len(server.of_kind("book")) == 4
    assert dict(delivery.quarantine.schema) == QUARANTINE
    assert delivery.frame.is_empty()
    assert delivery.quarantine.height == delivery.sent == 4
    assert asking.clock.slept >= 0.5 + 1 + 2, "each question waits twice as long as the one before"
    with pytest.raises(BadAnswer, match=rf"gave no usable book.*{word}.*4 times"):
        require_book(delivery, asking.market)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("how", ["html", "empty", "object", "renamed"])
def test_f6_an_answer_that_is_none_is_asked_for_again(tmp_path: Path, venue: str, how: str) -> None:
    with Venue(data_of(day_of(60)), now=NOW) as server:
        server.play("F6", how=how, kind="book", times=1)
        delivery, _ = ask(server, venue, tmp_path)
        assert delivery.frame.height == 1
        server.stop_faults()
        server.play("F6", how=how, kind="book", times=None)
        with pytest.raises((BadAnswer, VenueDown)):
            ask(server, venue, tmp_path / "second")


def test_a_recorded_book_keeps_every_digit(tmp_path: Path, real_data: Path) -> None:
    """The snapshot of Coinbase's documentation through the reader: 5 levels, the rest empty."""
    import json

    from resources.venues.book_forms import Book
    from resources.venues.books import judged
    from resources.venues.fields import micros_of_iso

    said = json.loads((real_data / "exchange_responses/coinbase/http_product_book.json").read_text())[
        "pricebook"
    ]
    sides = {side: [(level["price"], level["size"]) for level in said[side]] for side in ("bids", "asks")}
    at = NOW + timedelta(days=365)
    rows, bad = judged(
        Book(sides["bids"], sides["asks"], micros_of_iso(said["time"]), at, said), "coinbase", 1, at
    )
    assert bad.is_empty()
    row = rows.row(0, named=True)
    assert [row[f"bid_price_{k}"] for k in range(1, 7)] == [
        68923.66,
        68923.0,
        68922.99,
        68921.72,
        68921.61,
        None,
    ]
    assert row["ask_amount_1"] == 0.16987193
    assert rows["time"].cast(pl.String)[0].startswith("2026-04-07 00:28:59.662782")
