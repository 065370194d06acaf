"""The venue's clock against ours, measured with the real clients against a real server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ClockSkew
from pipelines.market.venue_settings import ExchangeSettings
from resources.clock import Clock
from resources.venues.exchange import open_exchange
from resources.venues.gate import Gate
from resources.venues.server_clock import ServerClock
from resources.venues.transport import Transport
from tests.resources.venues.fetching import START, VENUES, data_of, day_of
from tests.resources.venues.scripted import Scripted, reply
from tests.venue import Venue

NOW = START + timedelta(hours=10)


class Wrong(Clock):
    """A clock that is off by so many seconds, and whose wall time can be set."""

    def __init__(self, ahead: float, at: datetime | None = None) -> None:
        self.ahead, self.at = ahead, at

    def now(self) -> datetime:
        return (self.at or super().now()) + timedelta(seconds=self.ahead)

    def sleep(self, seconds: float) -> None:
        assert seconds < 0.01, "nothing waits here but for its slot"


def opened(url: str, venue: str, clock: Clock, folder: Path) -> tuple[Any, list[str]]:
    told: list[str] = []
    gate = Gate(folder / "gate", venue)
    transport = Transport(venue, gate, clock, told.append, requests_per_second=1e6, timeout=5.0)
    return open_exchange(ExchangeSettings(venue, base_url=url), transport, {}), told


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("wrong", [0.0, -8.2, 8.2, -3600.0])
def test_the_offset_is_found_on_every_venue(tmp_path: Path, venue: str, wrong: float) -> None:
    """Our clock is `wrong` seconds ahead; the venue's true time comes back, to the resolution of its answer."""
    with Venue(data_of(day_of(60)), now=NOW) as server:
        exchange, told = opened(f"{server.url}/{venue}", venue, Wrong(wrong, NOW), tmp_path)
        clock = ServerClock(exchange, exchange.transport.clock)
        offset = clock.offset()
        assert abs(offset.seconds + wrong) <= offset.uncertainty + 0.2  # the answer itself takes a moment
        assert offset.uncertainty < 1.0
        assert abs((clock.now() - NOW).total_seconds()) <= offset.uncertainty + 0.2
        requests = len(server.requests)
        clock.now()
        assert len(server.requests) == requests, "measured once an hour, not every time"
    if abs(wrong) < 2:
        assert told == []
    else:
        word = "fast" if wrong > 0 else "slow"
        assert len(told) == 1
        assert f" s {word} by {venue}'s; bars wait for the exchange's clock." in told[0]
        assert abs(float(told[0].split(" s ")[0].rpartition(" ")[2]) - abs(wrong)) < 1.2


def test_the_fault_f22_is_measured_to_the_tenth(tmp_path: Path) -> None:
    with Venue(data_of(day_of(60)), now=NOW) as server:
        server.play("F22", seconds=8.2)
        exchange, told = opened(f"{server.url}/coinbase", "coinbase", Wrong(0.0, NOW), tmp_path)
        assert ServerClock(exchange, exchange.transport.clock).offset().seconds == pytest.approx(8.2, abs=0.1)
    assert told == ["your clock is 8.2 s slow by coinbase's; bars wait for the exchange's clock."]


def test_setting_the_wall_clock_voids_the_measurement(tmp_path: Path) -> None:
    """F23: after a step of the wall clock, forward or back, the offset is measured again at once."""
    with Venue(data_of(day_of(60)), now=NOW) as server:
        local = Wrong(0.0, NOW)
        exchange, _ = opened(f"{server.url}/coinbase", "coinbase", local, tmp_path)
        clock = ServerClock(exchange, local)
        for ahead in (0.0, 11_520.0, -300.0):
            local.ahead = ahead
            assert abs((clock.now() - NOW).total_seconds()) < 0.3
            assert clock.offset().seconds == pytest.approx(-ahead, abs=0.3)


def test_a_venue_that_does_not_tell_the_time_is_refused(tmp_path: Path) -> None:
    with Scripted([reply(body=b'{"iso":"soon"}')]) as server:
        exchange, _ = opened(server.url, "coinbase", Wrong(0.0), tmp_path)
        with pytest.raises(ClockSkew, match="coinbase does not tell the time"):
            ServerClock(exchange, exchange.transport.clock).now()


def test_the_date_header_is_the_last_resort_and_its_age_counts(tmp_path: Path) -> None:
    at = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
    answer = reply(body=b'{"iso":"soon"}', date="Wed, 04 Mar 2026 12:00:00 GMT", age="30")
    with Scripted([answer]) as server:
        exchange, _ = opened(server.url, "coinbase", Wrong(0.0, at), tmp_path)
        offset = ServerClock(exchange, exchange.transport.clock).offset()
    assert offset.how == "the Date header"
    assert offset.seconds == pytest.approx(30.5, abs=0.3)
    assert offset.uncertainty >= 0.5
