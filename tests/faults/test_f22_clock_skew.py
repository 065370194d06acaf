"""F22: our clock is wrong. The exchange's clock decides which bar has closed, and whoever looks is told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.market.timeframes import GRACE
from tests.faults.conftest import MINUTE, Road, universe_of
from tests.faults.ticks import FRAMES, Roads
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow


@pytest.fixture
def today() -> Iterator[tuple[Venue, str]]:
    """A venue on this machine's clock that has candles until well after now, and its universe."""
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    candles = synthetic_candles(start, 3 * 1440)
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): candles})) as venue:
        universe = universe_of(
            "coinbase.BTC-USD",
            timeframes=FRAMES,
            start=f"{start:%Y-%m-%d}",
            end=f"{start + timedelta(days=3):%Y-%m-%d}",
        )
        yield venue, universe


def closed(running: Road, ahead: float) -> None:
    """Ingest, and see that the newest bar had closed by the venue's clock, and that no older one was left out."""
    earliest = datetime.now(UTC) + timedelta(seconds=ahead)
    assert running.ingest().success, running.notes()
    latest = datetime.now(UTC) + timedelta(seconds=ahead)
    newest = running.table("candles")["open_time"].max()
    assert isinstance(newest, datetime)
    assert newest + MINUTE + GRACE <= latest + timedelta(milliseconds=200)
    assert newest + 2 * MINUTE + GRACE > earliest - timedelta(milliseconds=200)


def test_f22_bars_wait_for_the_clock_of_the_exchange(
    road: Roads, today: tuple[Venue, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant: no bar used before server close."""
    venue, universe = today
    venue.play("F22", seconds=8.2)
    venue.play("F11")
    closed(road(venue, universe), 8.2)
    told = [record.message for record in caplog.records if "your clock is" in record.message]
    assert told == ["your clock is 8.2 s slow by coinbase's; bars wait for the exchange's clock."]


def test_a_bar_that_has_closed_by_our_clock_alone_is_not_used(
    road: Roads, today: tuple[Venue, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Our clock is an hour and a half ahead: ninety bars have closed for it that are still to come for the venue."""
    venue, universe = today
    venue.play("F22", seconds=-5400.0)
    venue.play("F11")
    closed(road(venue, universe), -5400.0)
    assert "your clock is 5400.0 s fast by coinbase's; bars wait for the exchange's clock." in caplog.text
