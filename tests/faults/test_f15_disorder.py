"""F15: trades out of order, several in one moment, fractions of seconds without their zeros. Stored by time and id."""

from datetime import timedelta

import polars as pl
import pytest

from tests.faults.conftest import NOW, START
from tests.faults.ticks import Roads, finding, ingest, minutes, ticks, with_trades
from tests.resources.venues.tapes import tape
from tests.venue import Venue, VenueData

pytestmark = pytest.mark.slow
TAPE = tape(3000, seconds=2 * 3600, start=START + timedelta(hours=9))
"""A fifth of the trades share the stamp of the one before; ids are consecutive."""


@pytest.mark.parametrize(("name", "how"), [("coinbase", "order"), ("coinbase", "text"), ("kraken", "order")])
def test_f15_ids_strictly_increase_whatever_the_order_of_arrival(name: str, how: str, road: Roads) -> None:
    """Invariant: ids strictly increase per symbol; the user sees how many trades came out of order."""
    market = f"{name}.BTC-USD"
    with Venue(VenueData(trades={(name, "BTC-USD"): TAPE}), now=NOW) as venue:
        venue.play("F15", venue=name, how=how)
        running = road(venue, minutes(market), with_trades(venue))
        ingest(running, market=market)
        said = running.notes("trades")
        built = running.build()
        assert built.success, running.notes()
    stored = ticks(running, market=market)
    assert (stored["id"].diff().drop_nulls() == 1).all()
    assert stored["time"].is_sorted()
    assert stored.equals(TAPE.select(stored.columns))
    assert ("trades came out of order and were put in the order of their times and ids" in said) == (
        how == "order"
    )
    passed, sentence = finding(built, "trade_ids")
    assert passed
    assert "0 ids repeat or run backwards" in sentence


def test_the_order_of_arrival_changes_no_bar(road: Roads) -> None:
    """The same trades in order and out of it make the same minutes, byte for byte."""
    hashes = []
    with Venue(VenueData(trades={("coinbase", "BTC-USD"): TAPE}), now=NOW) as venue:
        for how in (None, "order", "text"):
            venue.stop_faults()
            if how is not None:
                venue.play("F15", how=how)
            running = road(venue, minutes("coinbase.BTC-USD"), with_trades(venue))
            ingest(running)
            hashes.append(running.lake.fingerprint("minute_bars", {"market": "coinbase.BTC-USD"}).sha256)
    assert len(set(hashes)) == 1
    assert TAPE.filter(pl.col("time").diff() == timedelta()).height > 300, "many share a moment"
