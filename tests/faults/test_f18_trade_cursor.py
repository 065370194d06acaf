"""F18: Kraken's cursor in whole seconds and a page that ends inside one. Pages overlap, and nothing is lost."""

import re
from datetime import timedelta

import polars as pl
import pytest

from tests.assets.world import metadata
from tests.faults.conftest import NOW, START
from tests.faults.ticks import Roads, ingest, minutes, ticks, with_trades
from tests.resources.venues.tapes import tape
from tests.venue import Venue, VenueData

pytestmark = pytest.mark.slow
MARKET = "kraken.BTC-USD"
TAPE = tape(3000, seconds=900, start=START + timedelta(hours=9))
"""Three trades a second."""


@pytest.mark.parametrize("page", [50, 333])
def test_f18_pages_that_end_inside_a_second_overlap_and_lose_nothing(page: int, road: Roads) -> None:
    """Invariant: a replayed page overlaps the one before by at least one trade."""
    with Venue(VenueData(trades={("kraken", "BTC-USD"): TAPE}), now=NOW) as venue:
        venue.play("F18", venue="kraken", page=page)
        running = road(venue, minutes(MARKET), with_trades(venue))
        first = metadata(ingest(running, market=MARKET), "trades")
        asked = [int(seen.query["since"]) for seen in venue.of_kind("trades", "kraken")]
        again = metadata(ingest(running, market=MARKET), "trades")
    answers, overlap = map(
        int, re.findall(r"(\d+) answers that overlap by (\d+) trades", str(first["notes"]))[0]
    )
    assert answers >= TAPE.height // page
    assert overlap >= answers - 1
    assert "100 % of the trade ids came, 0 are missing" in str(first["notes"])
    assert asked == sorted(asked)
    stored = ticks(running, market=MARKET)
    assert stored["id"].equals(TAPE["id"])
    whole = TAPE.with_columns(pl.col("time").dt.truncate("1s"))
    assert stored.equals(whole.select(stored.columns).sort("time", "id"))
    assert stored["amount"].sum() == pytest.approx(TAPE["amount"].sum())
    assert again["sha256"] == first["sha256"]


def test_without_the_fault_the_same_trades_come_with_their_full_stamps(road: Roads) -> None:
    """The control: the same road without the fault, page by page of a thousand."""
    with Venue(VenueData(trades={("kraken", "BTC-USD"): TAPE}), now=NOW) as venue:
        running = road(venue, minutes(MARKET), with_trades(venue))
        ingest(running, market=MARKET)
    stored = ticks(running, market=MARKET)
    assert stored.equals(TAPE.select(stored.columns))
