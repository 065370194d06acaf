"""Days replayed by the real client from a venue's captures; messages of every exchange, as the archive frames them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.market.venue_settings import TardisSettings
from resources.clock import Clock
from resources.progress import LogProgress
from resources.tardis import Archive
from resources.venues.replayed_day import ReplayedDay
from tests.venue import Venue, VenueData

DAY = datetime(2026, 3, 1, tzinfo=UTC)
SPAN = (DAY, DAY + timedelta(minutes=4))
LATER = datetime(2026, 9, 1, tzinfo=UTC)
Sent = list[tuple[int, bytes]]


class Frozen(Clock):
    """A clock that stands."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """See Clock."""
        return self.moment


def replaying(venue: Venue, folder: Path, clock: Clock | None = None) -> ReplayedDay:
    """The replay of what the venue serves."""
    settings = TardisSettings(api_url=f"{venue.url}/tardis/v1", datasets_url=f"{venue.url}/datasets/v1")
    return ReplayedDay(Archive(settings, "key", folder, clock or Clock(), print), LogProgress())


def serving(exchange: str, sent: Sequence[tuple[int, bytes]], now: datetime = LATER) -> Venue:
    """A venue whose archive recorded these messages."""
    return Venue(VenueData(captures={exchange: list(sent)}), now=now)


def ns(second: float) -> int:
    """Nanoseconds of a moment of the day."""
    return round(DAY.timestamp() * 1000 + second * 1000) * 10**6


def ms(second: float) -> int:
    """Milliseconds of a moment of the day."""
    return ns(second) // 10**6


def sent(*timed: tuple[float, Any]) -> Sent:
    """(local second, message) as the recorder wrote them."""
    return [(ns(second), json.dumps(message, separators=(",", ":")).encode()) for second, message in timed]


def snapshot(second: float, **times: int) -> dict[str, Any]:
    """Binance's generated snapshot of update 100; `times`: E and T where they are said."""
    levels = {"bids": [["60000.0", "1.0"]], "asks": [["60001.0", "1.0"]]}
    return {
        "stream": "btcusdt@depthSnapshot",
        "generated": True,
        "data": {"lastUpdateId": 100, **(times or {"E": ms(second), "T": ms(second)}), **levels},
    }


def diff(number: int, second: float, bids: Any = None, asks: Any = None) -> dict[str, Any]:
    """Binance's update 100 + number."""
    ids = {"U": 100 + number, "u": 100 + number, "pu": 99 + number}
    data = {"e": "depthUpdate", "E": ms(second), "T": ms(second), "s": "BTCUSDT", **ids}
    data |= {"b": bids or [["60000.0", str(number + 1)]], "a": asks or []}
    return {"stream": "btcusdt@depth@0ms", "data": data}


def trade(number: int, second: float, price: str = "60000.5") -> dict[str, Any]:
    """Binance's trade."""
    data = {"e": "trade", "E": ms(second), "T": ms(second), "s": "BTCUSDT", "t": number, "p": price}
    return {"stream": "btcusdt@trade", "data": {**data, "q": "0.1", "X": "MARKET", "m": False}}
