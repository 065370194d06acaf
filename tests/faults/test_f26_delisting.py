"""F26: a symbol is delisted; its history stays, and nothing is expected after its end."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import polars as pl
import pytest

from pipelines.market.aliases import universe_on
from pipelines.market.schemas import CANDLES
from tests.faults.conftest import MINUTE, START, Road, universe_of
from tests.faults.open import OPEN_TRADER_SIDE
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
ENDED = START + timedelta(days=1)
SENTENCE = (
    "LUNA-USD was delisted 2026-03-02: no bar is expected from then on, the candles before are kept and it stays in "
    "the universe of the days when it traded"
)
SERVED = synthetic_candles(START, 3 * 1440)


@pytest.fixture
def venue() -> Iterator[Venue]:
    data = VenueData(candles={("coinbase", "LUNA-USD", "1m"): SERVED})
    with Venue(data, now=START + timedelta(days=3, seconds=30)) as running:
        running.play("F26", symbol="LUNA-USD", at=ENDED)
        yield running


def universe(more: str = "") -> str:
    return universe_of("coinbase.LUNA-USD", end="2026-03-04", timeframes='["1m", "1h"]', more=more)


def test_f26_a_delisted_symbol_ends_without_a_hole_and_stays_in_its_universe(
    venue: Venue, road: Callable[..., Road]
) -> None:
    """Invariant: universe as-of date."""
    here = road(venue, universe())
    assert here.ingest("LUNA-USD").success, here.notes()
    assert (
        "coinbase says that LUNA-USD is not traded any more: if it ended for good, name its first day"
        in here.notes()
    )
    assert here.build("LUNA-USD").success
    assert here.totals("LUNA-USD")["unknown"] == 2880, "not told, two days are missing"

    here = road(venue, universe("delisted = 2026-03-02"))
    venue.clear()
    assert here.ingest("LUNA-USD").success, here.notes()
    assert SENTENCE in here.notes()
    assert "not treated as a quiet market" not in here.notes()
    asked = [int(seen.query["end"]) for seen in venue.of_kind("candles")]
    assert max(asked) <= ENDED.timestamp() + 60, "nobody asks for what cannot be"
    assert here.build("LUNA-USD").success, here.notes("bars")
    assert here.totals("LUNA-USD") == {"present": 1440, "verified-empty": 0, "unknown": 0, "venue-down": 0}
    stored = here.table("candles", "LUNA-USD").select(*CANDLES)
    assert stored.equals(SERVED.head(1440).select(*CANDLES).cast(dict(CANDLES)))
    bars = here.table("bars", "LUNA-USD")
    assert bars["open_time"].max() == ENDED - MINUTE
    assert bars.filter(pl.col("close") <= 0).is_empty(), "a dead market is no price of zero"

    known = here.world.settings.universe
    dead = {each.symbol: each.delisted for each in known.symbols if each.delisted}
    names = [each.symbol for each in known.symbols]
    assert universe_on(date(2026, 3, 1), names, dead) == ("LUNA-USD",)
    assert universe_on(date(2026, 3, 2), names, dead) == ()
    assert "haircut" in OPEN_TRADER_SIDE["F26"]


def test_a_dead_symbol_that_vanished_from_the_list_keeps_its_candles(
    venue: Venue, road: Callable[..., Road]
) -> None:
    """Months later the venue does not even know the name: that is no failure of a run."""
    undeclared = road(venue, universe())
    assert undeclared.ingest("LUNA-USD").success
    venue.play("F25", symbol="LUNA-USD", becomes="OTHER-USD", at=ENDED)
    assert not undeclared.ingest("LUNA-USD").success
    assert "LUNA-USD is no longer listed by coinbase" in undeclared.notes()
    assert "as its `delisted` in universe.symbols" in undeclared.notes()
    here = road(venue, universe("delisted = 2026-03-02"))
    assert here.ingest("LUNA-USD").success, here.notes()
    assert SENTENCE in here.notes()
    assert here.table("candles", "LUNA-USD").height == 1440
