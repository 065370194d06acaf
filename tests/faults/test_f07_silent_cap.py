"""F7: a venue that silently serves fewer rows than it was asked for costs requests and no candle."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from tests.faults.conftest import MINUTE, NOW, START
from tests.faults.ticks import Roads, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
CANDLES = synthetic_candles(START, 1440)
CAP = 300


@pytest.mark.parametrize("keep", ["newest", "oldest"])
def test_f07_pages_cover_the_span_exactly_once_and_a_cap_loses_nothing(road: Roads, keep: str) -> None:
    """Invariant: Σ pages covers [since, until) exactly once; nothing needs saying when it is handled."""
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): CANDLES}), now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        venue.play("F7", rows=120, keep=keep)
        assert running.ingest().success, running.notes()
        asked = [
            (_moment(seen.query["start"]), _moment(seen.query["end"])) for seen in venue.of_kind("candles")
        ]
    pages = asked[:6]  # the plan; what was left out is asked for after it
    assert pages[0][0] == START
    for (_, last), (first, _) in pairwise(pages):
        assert first == last + MINUTE
    assert pages[-1][1] == START + 1439 * MINUTE
    assert all((end - start) / MINUTE < CAP for start, end in asked)
    stored = running.table("candles")
    assert stored["open_time"].to_list() == CANDLES["open_time"].to_list()
    for column in ("open", "high", "low", "close", "volume"):
        assert stored[column].to_list() == CANDLES[column].to_list()
    assert running.table("candle_evidence").is_empty()
    assert "unknown" not in running.notes()


def _moment(seconds: str) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
