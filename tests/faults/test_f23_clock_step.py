"""F23: the wall clock is stepped, by a suspend or by NTP, while candles are fetched."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.candles import ingest
from pipelines.market.schemas import CANDLES
from resources.clock import Clock
from resources.venues.source import VenueSource
from tests.faults.conftest import MINUTE, NOW, START, Road, universe_of
from tests.faults.open import OPEN_TRADER_SIDE
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
UNIVERSE = universe_of("coinbase.BTC-USD", timeframes='["1m", "1h"]')
SLEPT = 11_520.0
"""3 h 12 m."""
SKEW = re.compile(r"your clock is ([\d.]+) s (fast|slow) by coinbase's; bars wait for the exchange's clock")


class Stepping(Clock):
    """A wall clock that runs from a moment on and can be set; waiting goes by the monotonic clock, as in Clock."""

    def __init__(self, begin: datetime) -> None:
        self._begin, self._since, self.step = begin, time.monotonic(), 0.0

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=time.monotonic() - self._since + self.step)


class Watching:
    """A progress that keeps what was said and does something at a moment of the work."""

    def __init__(self, then: Callable[["Watching"], None] = lambda _: None) -> None:
        self.said: list[str] = []
        self.told = 0
        self._then = then

    def track(self, items: Sequence[Any], what: str) -> Iterator[Any]:
        yield from items

    def tell(self, what: str, share: float) -> None:
        self.told += 1
        self._then(self)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)
        self._then(self)


def source_of(road: Road, root: Path, clock: Clock, progress: Watching) -> VenueSource:
    """The real client stack of a road under another clock."""
    settings = road.world.settings
    assert settings.source.venues is not None
    return VenueSource(settings.source.venues, settings.universe, root, clock, progress, lambda _: {})


def fetch(road: Road, source: VenueSource) -> Any:
    """What the asset does."""
    return ingest(source, road.lake, road.world.settings, "BTC-USD", "1m")


def holds(road: Road, served: pl.DataFrame) -> None:
    """Every bar that was served is stored once, with its values."""
    stored = road.table("candles")
    assert stored["open_time"].is_unique().all()
    assert stored.select(*CANDLES).equals(served.select(*CANDLES).cast(dict(CANDLES)))


@pytest.mark.parametrize("step", [SLEPT, -SLEPT, 60.0, -60.0])
def test_f23_a_stepped_wall_clock_neither_doubles_nor_loses_a_bar(
    road: Callable[..., Road], tmp_path: Path, step: float
) -> None:
    """Invariant: one decision per bar id; here: one bar per bar id, and no wait follows the wall clock.

    The clock is set while the venue rate-limits us, when a queue that went by the wall clock would lock up.
    """
    served = synthetic_candles(START, 1440)
    clock = Stepping(NOW)

    def once(watching: Watching) -> None:
        if any("rate-limit" in sentence for sentence in watching.said):
            clock.step = step

    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): served}), now=NOW) as venue:
        here, watching = road(venue, UNIVERSE), Watching(once)
        source = source_of(here, tmp_path / "clocked", clock, watching)
        venue.play("F1", venue="coinbase", kind="candles", after=2, times=1, retry_after=1)
        begun = time.monotonic()
        fetch(here, source)
        assert clock.step == step, "the clock was never set"
        assert time.monotonic() - begun < 6.0, "a wait of one second followed the wall clock"
        holds(here, served)
        fetched = [seen.query["start"] for seen in venue.of_kind("candles") if seen.status == 200]
        assert len(fetched) == len(set(fetched)), "a page was asked for twice"
        waited = [seen.at for seen in venue.of_kind("candles")]
        assert waited[3] - waited[2] >= 0.95
        again = fetch(here, source)
        assert (again.added, again.revised) == (0, 0)
        holds(here, served)
    told = [found for sentence in watching.said if (found := SKEW.match(sentence))]
    assert told, watching.said
    assert told[-1][2] == ("fast" if step > 0 else "slow")
    assert abs(float(told[-1][1]) - abs(step)) < 10.0
    assert here.build().success
    assert here.table("bars")["open_time"].is_unique().all()
    assert here.totals() == {"present": 1440, "verified-empty": 0, "unknown": 0, "venue-down": 0}
    assert "woke after 3 h 12 m; 38 bars missed: 0 traded" in OPEN_TRADER_SIDE["F23"]


def test_bars_missed_in_a_suspend_come_with_the_next_run(road: Callable[..., Road], tmp_path: Path) -> None:
    """Machine and venue go on by 3 h 12 m in the middle of a fetch: its bars are whole, the missed ones come next."""
    served = synthetic_candles(START, 1440)
    begin = START + 1000 * MINUTE + timedelta(seconds=30)
    clock = Stepping(begin)
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): served}), now=begin) as venue:

        def suspend(watching: Watching) -> None:
            if watching.told == 3 and not clock.step:
                clock.step = SLEPT
                venue.play("F23", seconds=SLEPT)

        here = road(venue, UNIVERSE)
        source = source_of(here, tmp_path / "clocked", clock, Watching(suspend))
        assert fetch(here, source).added == 1000
        holds(here, served.head(1000))
        woken = fetch(here, source)
        assert woken.added == 192
        holds(here, served.head(1192))


def test_what_comes_after_a_clock_was_set_back_is_not_the_value_seen_first(
    road: Callable[..., Road], tmp_path: Path
) -> None:
    """A revision that is received at an earlier wall time is still a revision."""
    served = synthetic_candles(START, 1440)
    clock = Stepping(NOW)
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): served}), now=NOW) as venue:
        here = road(venue, UNIVERSE)
        source = source_of(here, tmp_path / "clocked", clock, Watching())
        fetch(here, source)
        first = here.table("candles")
        clock.step = -SLEPT
        venue.play("F12", venue="coinbase", bars=2, field="volume", factor=2.0)
        assert fetch(here, source).revised == 2
        assert here.table("candles").equals(first)
        revisions = here.table("candle_revisions").join(first, on="open_time", suffix="_first")
        assert (revisions["seen_at"] > revisions["seen_at_first"]).all()
