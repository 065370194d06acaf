"""F1: a venue that limits us is left alone until it said, by every worker, and whoever waits is told till when."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from resources.clock import Clock
from resources.sources.opening import open_source
from tests.faults.conftest import NOW, START
from tests.faults.ticks import Roads, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
CANDLES = synthetic_candles(START, 1440)
WAIT = 1.5


@pytest.mark.parametrize("status", [429, 418])
def test_f01_no_request_leaves_before_the_venue_wants_one(
    road: Roads, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Invariant: requests after 429 before the deadline = 0."""
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): CANDLES}), now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        venue.play("F1", kind="candles", after=2, times=1, status=status, retry_after=WAIT)
        assert running.ingest().success, running.notes()
        limited = next(seen for seen in venue.requests if seen.status == status)
        later = [seen.at - limited.at for seen in venue.requests if seen.at > limited.at]
    assert min(later) >= WAIT
    assert len(later) == 4  # the page that was refused and those after it, no other
    sentences = [record.message for record in caplog.records if "rate-limiting" in record.message]
    assert len(sentences) == 1
    told = re.fullmatch(
        rf"coinbase is rate-limiting us \(HTTP {status}\): resuming \d\d:\d\d:\d\d UTC, "
        r"\d\.\d of 1\.0 days, 2 of 6 pages\.",
        sentences[0],
    )
    assert told, sentences
    assert "coinbase answers again after" in caplog.text
    assert running.table("candles")["close"].to_list() == CANDLES["close"].to_list()


def test_all_workers_of_a_venue_wait_for_the_limit_of_one(
    road: Roads, caplog: pytest.LogCaptureFixture
) -> None:
    """Two sources over one folder, as two processes have them: what one is told holds for the other."""
    caplog.set_level(logging.WARNING)
    served = {("coinbase", symbol, "1m"): CANDLES for symbol in ("BTC-USD", "ETH-USD")}
    universe = minutes("coinbase.BTC-USD", "coinbase.ETH-USD")
    with Venue(VenueData(candles=served), now=NOW) as venue:
        running = road(venue, universe)
        settings = running.world.settings

        def fetch(symbol: str) -> int:
            source = open_source(settings, Clock(), running.world.root)
            return source.candles(symbol, "1m", *settings.universe.expected_span(symbol)).frame.height

        venue.play("F1", kind="candles", after=1, times=1, retry_after=WAIT)
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(fetch, ("BTC-USD", "ETH-USD"))) == [1440, 1440]
        limited = next(seen for seen in venue.requests if seen.status == 429)
        under_way = 0.25  # seconds: what had left before the venue said so
        early = [seen for seen in venue.requests if under_way < seen.at - limited.at < WAIT]
    assert not early
    assert sum("rate-limiting" in record.message for record in caplog.records) <= 2
