"""F24: daylight saving begins and ends, on the venue's wall, on this machine's and on the exchange's floor."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from assets.partitions import Partitions
from pipelines.market.calendars import calendar_of
from pipelines.market.schemas import CANDLES
from tests.faults.conftest import Road, universe_of
from tests.faults.open import OPEN_TRADER_SIDE
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
DAY = timedelta(days=1)
PRAGUE = {"2026-03-29": "summer time begins", "2026-10-25": "summer time ends"}


@pytest.fixture(autouse=True)
def prague(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's zone is Prague, and there are keys for Alpaca."""
    monkeypatch.setenv("ALPACA_API_KEY", "k" * 16)
    monkeypatch.setenv("ALPACA_API_SECRET", "s" * 16)
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "Europe/Prague")
        time.tzset()
        yield
    time.tzset()


def days_of(road: Road) -> dg.DailyPartitionsDefinition:
    found = Partitions.of(road.world.settings).market_days.get_partitions_def_for_dimension("date")
    assert isinstance(found, dg.DailyPartitionsDefinition)
    return found


@pytest.mark.parametrize("day", PRAGUE)
def test_f24_a_day_on_which_clocks_change_has_1440_minutes(road: Callable[..., Road], day: str) -> None:
    """Invariant: day lengths 23/25 h tested. In data there are none: a partition is a UTC day, and has 24 hours.

    The venue writes moments with Prague's changing offset, and this machine's zone is Prague.
    """
    middle = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    start, end = middle - DAY, middle + 2 * DAY
    served = synthetic_candles(start, 3 * 1440)
    with Venue(
        VenueData(candles={("alpaca", "BTC-USD", "1m"): served}), now=end + timedelta(seconds=30)
    ) as venue:
        venue.play("F24", zone="Europe/Prague")
        universe = universe_of(
            "alpaca.BTC-USD",
            start=start.date().isoformat(),
            end=end.date().isoformat(),
            timeframes='["1m", "1h"]',
        )
        here = road(venue, universe)
        assert here.ingest().success, here.notes()
        assert "quarantined: 0" not in here.notes()
        assert here.build().success, here.notes("bars")
        hours = here.build(timeframe="1h")
    assert here.table("candles").select(*CANDLES).equals(served.select(*CANDLES).cast(dict(CANDLES)))
    assert here.totals() == {"present": 4320, "verified-empty": 0, "unknown": 0, "venue-down": 0}
    per_day = here.table("bars").group_by(pl.col("open_time").dt.date()).len().sort("open_time")
    assert per_day["len"].to_list() == [1440, 1440, 1440]
    assert hours.success
    assert here.table("bars", timeframe="1h").height == 72
    days = days_of(here)
    assert days.timezone == "UTC"
    assert days.get_partition_keys() == [f"{(start + DAY * k).date()}" for k in range(3)]
    for key in days.get_partition_keys():
        window = days.time_window_for_partition_key(key)
        assert window.end - window.start == DAY
        assert window.start.utcoffset() == timedelta()
    assert "23 and 25 hours" in OPEN_TRADER_SIDE["F24"]


@pytest.mark.parametrize(
    ("friday", "opens"), [("2026-03-06", ("14:30", "13:30")), ("2026-10-30", ("13:30", "14:30"))]
)
def test_a_share_opens_an_hour_apart_in_utc_and_misses_nothing(
    road: Callable[..., Road], friday: str, opens: tuple[str, str]
) -> None:
    """New York's clocks change over a weekend: both sessions have 78 bars of 5m where the calendar expects them."""
    start = datetime.combine(date.fromisoformat(friday), datetime.min.time(), UTC)
    end = start + 4 * DAY
    expected = calendar_of("XNYS").opens(start, end, "5m")
    assert len(expected) == 2 * 78
    assert [f"{expected[k]:%H:%M}" for k in (0, 78)] == list(opens)
    every = synthetic_candles(start, 4 * 288, "5m")
    served = every.filter(pl.col("open_time").cast(expected.dtype).is_in(expected.implode()))
    with Venue(VenueData(stocks={("AAPL", "5m"): served}), now=end + timedelta(seconds=30)) as venue:
        venue.play("F24", zone="America/New_York")
        universe = universe_of(
            "alpaca.AAPL-USD",
            start=friday,
            end=end.date().isoformat(),
            timeframes='["5m", "1h"]',
            more='calendar = "XNYS"',
        )
        here = road(venue, universe)
        assert here.ingest("AAPL-USD", "5m").success, here.notes()
        assert here.build("AAPL-USD", "5m").success, here.notes("bars")
    assert here.table("bars", "AAPL-USD", "5m")["open_time"].equals(expected)
    assert here.totals("AAPL-USD", "5m") == {
        "present": 156,
        "verified-empty": 0,
        "unknown": 0,
        "venue-down": 0,
    }
