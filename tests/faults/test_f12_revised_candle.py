"""F12: a venue changes candles after their close. First seen and revised are both kept; features do not move."""

from datetime import timedelta

import polars as pl
import pytest

from pipelines.market.bitemporal import as_of
from tests.assets.world import metadata
from tests.faults.conftest import MINUTE, START
from tests.faults.ticks import Roads, by_time, finding, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
BARS = 600
REVISED = [START + (BARS - k) * MINUTE for k in (3, 2, 1)]
MARKET = "coinbase.BTC-USD"


def test_f12_a_revision_is_kept_beside_the_first_seen_value(road: Roads) -> None:
    """Invariant: the trader's features are those as of the decision; the revision rate of the venue is said."""
    served = synthetic_candles(START, 1440)
    with Venue(
        VenueData(candles={("coinbase", "BTC-USD", "1m"): served}),
        now=START + BARS * MINUTE + timedelta(seconds=10),
    ) as venue:
        running = road(venue, minutes(MARKET))
        assert running.ingest().success, running.notes()
        assert running.build().success, running.notes()
        first, decided_on = running.table("candles"), running.table("features")
        venue.play("F12", at=REVISED[0], bars=3, field="volume", factor=1.1)
        venue.advance(60)
        venue.clear()
        running = road(venue, minutes(MARKET))  # opened anew: it measures the venue's clock again
        again = running.ingest()
        assert again.success, running.notes()
        assert (metadata(again, "candles")["added"], metadata(again, "candles")["revised"]) == (1, 3)
        assert len(venue.of_kind("candles")) == 1, "the newest bars are asked for again in one request"
        candles, revisions = running.table("candles"), running.table("candle_revisions")
        assert candles.head(BARS).equals(first)
        assert revisions["open_time"].to_list() == REVISED
        true = by_time(served)
        for time, volume in by_time(revisions).items():
            assert volume == pytest.approx(1.1 * true[time], rel=1e-3)
        built = running.build()
        assert built.success, running.notes()
        assert finding(built, "revisions")[1] == (
            "3 of 601 candles were changed after they were first seen (0.50%); the bars keep the first value."
        )
        bars = running.table("bars").filter(pl.col("open_time").is_in(REVISED))
        assert by_time(bars) == {time: true[time] for time in REVISED}
        assert running.table("features").head(BARS).equals(decided_on)
        known = as_of(candles, revisions, first["seen_at"].max())  # type: ignore[arg-type]
        assert by_time(known.head(BARS)) == by_time(first)
        latest = as_of(candles, revisions, revisions["seen_at"].max())  # type: ignore[arg-type]
        assert by_time(latest.filter(pl.col("open_time").is_in(REVISED))) == by_time(revisions)


def test_the_same_revision_is_counted_once(road: Roads) -> None:
    """A value that the venue gives again is no new revision, and the table does not change."""
    with Venue(
        VenueData(candles={("coinbase", "BTC-USD", "1m"): synthetic_candles(START, 1440)}),
        now=START + BARS * MINUTE + timedelta(seconds=10),
    ) as venue:
        running = road(venue, minutes(MARKET))
        assert running.ingest().success
        venue.play("F12", at=REVISED[0], bars=3, field="volume", factor=0.5)
        told = [metadata(running.ingest(), "candles") for _ in range(2)]
        assert [each["revised"] for each in told] == [3, 0]
        assert told[0]["sha256"] == told[1]["sha256"]
        assert running.table("candle_revisions").height == 3
