"""The venue's clock, measured against ours: which bar has closed is decided by it, never by this machine's.

A clock that is wrong by a known amount does no harm to data: bars wait for the exchange's clock and whoever looks at
the output is told. Refused is only what cannot be measured at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pipelines.errors import ClockSkew
from resources.clock import Clock
from resources.venues.wire import Answer

FRESH = 3600.0
"""Seconds for which a measurement holds, as long as the wall clock is not set meanwhile."""
STEP = 1.0
"""Seconds by which wall clock and monotonic clock may drift apart before a measurement is void."""
WORTH_TELLING = 2.0
"""Seconds; a clock further off is said to be."""
TRIES = 3
GOOD_ENOUGH = 1.0
"""Seconds of uncertainty that need no second try."""


@dataclass(frozen=True)
class Offset:
    """How far the venue's clock is ahead of ours; the truth lies within `uncertainty` of `seconds`."""

    seconds: float
    uncertainty: float
    how: str  # which answer said so


class ServerClock:
    """The clock of the venue behind one exchange of open_exchange; measured when first asked, then every hour."""

    def __init__(self, exchange: Any, clock: Clock) -> None:
        self.exchange, self.clock = exchange, clock
        self.venue: str = exchange.named.venue
        self._offset: Offset | None = None
        self._measured = (0.0, 0.0)  # monotonic and wall seconds
        self._told: float | None = None

    def now(self) -> datetime:
        """The venue's time (UTC); see `offset` for what may be raised."""
        offset = self.offset()
        return self.clock.now() + timedelta(seconds=offset.seconds)

    def offset(self) -> Offset:
        """The offset, measured afresh when the last one is an hour old or the wall clock was set since.

        Raises ClockSkew when no answer of the venue tells the time, other VenueErrors when it does not answer.
        """
        moment, wall = self.clock.monotonic(), self.clock.now().timestamp()
        age = moment - self._measured[0]
        stepped = abs((wall - self._measured[1]) - age) > STEP
        if self._offset is None or age > FRESH or stepped:
            self._offset = self._measure()
            self._measured = (self.clock.monotonic(), self.clock.now().timestamp())
            self._tell(self._offset)
        return self._offset

    def _measure(self) -> Offset:
        best: Offset | None = None
        for _ in range(TRIES):
            found = _offset_of(self.exchange)
            best = found if best is None or found.uncertainty < best.uncertainty else best
            if best.uncertainty <= GOOD_ENOUGH:
                break
        assert best is not None
        return best

    def _tell(self, offset: Offset) -> None:
        if abs(offset.seconds) > WORTH_TELLING and (
            self._told is None or abs(self._told - offset.seconds) > STEP
        ):
            self._told = offset.seconds
            self.exchange.transport.tell(
                f"your clock is {_how_far(offset)} by {self.venue}'s; bars wait for the exchange's clock."
            )


def _how_far(offset: Offset) -> str:
    return f"{abs(offset.seconds):.1f} s {'slow' if offset.seconds > 0 else 'fast'}"


def _offset_of(exchange: Any) -> Offset:
    """One measurement: the venue's time against the middle of the round trip."""
    from resources.venues.exchange import speaking

    with speaking(exchange.named.venue):
        told, resolution, how = _ask(exchange)
    answer: Answer | None = exchange.last_answer
    if told is None and answer is not None:
        told, resolution, how = _of_date(answer.headers), 1.0, "the Date header"
    if told is None or answer is None:
        raise ClockSkew(
            f"{exchange.named.venue} does not tell the time: expected it in an answer or its Date header, found "
            "neither, so nobody can say which bar has closed; run the same command again later."
        )
    ours = answer.received_at - timedelta(seconds=answer.seconds / 2)
    ahead = (told + timedelta(seconds=resolution / 2) - ours).total_seconds()
    return Offset(ahead, (resolution + answer.seconds) / 2, how)


def _ask(exchange: Any) -> tuple[datetime | None, float, str]:
    """The venue's time, its resolution in seconds and which answer said it; None: only its headers can."""
    match exchange.named.id:
        case "coinbase":
            said = exchange.v3PublicGetBrokerageTime()
            return _of_number(_field(said, "epochMillis"), 1e3), 1e-3, "brokerage/time"
        case "kraken":
            said = exchange.publicGetTime()
            return _of_number(_field(_field(said, "result"), "unixtime"), 1.0), 1.0, "public/Time"
        case "hyperliquid":
            said = exchange.publicPostInfo({"type": "exchangeStatus"})
            return _of_number(_field(said, "time"), 1e3), 1e-3, "exchangeStatus"
        case "alpaca":  # /v2/clock needs keys: the header of a public answer serves everybody
            exchange.marketPublicGetV1beta3CryptoLocLatestOrderbooks({"loc": "us", "symbols": "BTC/USD"})
            return None, 1.0, ""
    if exchange.has.get("fetchTime"):
        return _of_number(exchange.fetch_time(), 1e3), 1.0, "its time endpoint"
    if exchange.last_answer is None or "date" not in exchange.last_answer.headers:
        exchange.fetch_markets()
    return None, 1.0, ""


def _field(said: Any, name: str) -> Any:
    return said.get(name) if isinstance(said, Mapping) else None


def _of_number(value: Any, per_second: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(value) / per_second, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None  # no time: the caller looks at the header


def _of_date(headers: Mapping[str, str]) -> datetime | None:
    """The Date header, plus the Age of an answer that a cache kept."""
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
        age = float(headers.get("age", 0))
    except (TypeError, ValueError):
        return None
    return date.replace(tzinfo=date.tzinfo or UTC) + timedelta(seconds=age)
