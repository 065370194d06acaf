"""F28: candles whose high is below their low, that lie in the future, off the grid, or are stamped with their close."""

from collections.abc import Callable
from datetime import timedelta

import polars as pl
import pytest

from pipelines.market.schemas import CANDLES
from pipelines.market.venues import TABLE
from tests.faults.conftest import MINUTE, NOW, START, Road, universe_of
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
UNIVERSE = universe_of("coinbase.BTC-USD", timeframes='["1m", "1h"]')
SERVED = synthetic_candles(START, 1440)
EVERY = 50
BROKEN = SERVED.filter(pl.col("open_time").dt.epoch("s") // 60 % EVERY == 0)
CASES = {
    "high-low": "low and high do not enclose open and close",
    "future": "open_time",
    "off-grid": "open_time",
}


def served(venue: Venue, road: Callable[..., Road], **fault: object) -> Road:
    here = road(venue, UNIVERSE)
    venue.play("F28", venue="coinbase", **fault)
    assert here.ingest().success, here.notes()
    return here


def quarantine(here: Road) -> pl.DataFrame:
    return here.lake.read("quarantine", {"refused_for": "candles", "part": "BTC-USD.1m"})


@pytest.mark.parametrize("how", CASES)
def test_f28_an_impossible_candle_is_no_bar(road: Callable[..., Road], how: str) -> None:
    """Invariant: open_time ≡ 0 mod tf."""
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): SERVED}), now=NOW) as venue:
        here = served(venue, road, how=how, every=EVERY)
        notes = here.notes()
        assert here.build().success, here.notes("bars")
    refused = quarantine(here)
    assert refused.height >= BROKEN.height
    assert refused["reason"].str.contains(CASES[how]).all(), refused["reason"].unique().to_list()
    assert "not treated as a quiet market" in notes or "quarantined" in notes
    bars = here.table("bars")
    assert (bars["open_time"].dt.epoch("us") % (MINUTE // timedelta(microseconds=1)) == 0).all()
    assert bars["open_time"].max() <= NOW
    assert bars.filter((pl.col("high") < pl.col("low")) | (pl.col("high") < pl.col("close"))).is_empty()
    good = SERVED.join(BROKEN, on="open_time", how="anti").select(*CANDLES).cast(dict(CANDLES))
    assert here.table("candles").select(*CANDLES).equals(good)
    assert here.totals() == {
        "present": good.height,
        "verified-empty": 0,
        "unknown": BROKEN.height,
        "venue-down": 0,
    }


def test_candles_stamped_with_their_closes_are_not_believed_at_all(road: Callable[..., Road]) -> None:
    """Every value would be one bar late: nothing of it is used, and the sentence says why."""
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): SERVED}), now=NOW) as venue:
        here = served(venue, road, how="close-stamped")
        notes = here.notes()
    assert "coinbase stamps closes where it is known to stamp opens: nothing that it gave is used" in notes
    assert here.table("candles").is_empty()
    assert quarantine(here)["reason"].str.contains("stamps closes").sum() >= 1400
    assert not here.build().success
    assert "no ticks and no candles" in here.notes("bars")


def test_every_venue_has_a_convention_with_its_source() -> None:
    """What a stamp means is a table with evidence, not a guess."""
    assert all(conventions.source for conventions in TABLE.values())
