"""A span cut into the requests that can be answered, before the first of them is sent (F7, F8, F10).

Pure: the venue's habits come from venues.py and the present from the venue's own clock. Sending is
resources/venues/candles.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipelines.errors import BadSpan, VenueRefused
from pipelines.market.rows import EARLIEST
from pipelines.market.timeframes import GRACE, length_of
from pipelines.market.venues import Conventions

Span = tuple[datetime, datetime]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TRADES_A_MINUTE = 20
"""What the estimate of a rebuild from trades assumes; a liquid pair has more, most have fewer."""


@dataclass(frozen=True)
class Plan:
    """Requests that tile what can be had of a span, ascending, and what cannot be had with the reason."""

    pages: tuple[Span, ...]
    refused: Span | None = None
    """Older than the venue serves."""
    sentence: str = ""
    """What is refused, why, and what can be had instead; empty when nothing is."""

    @property
    def candles_span(self) -> Span | None:
        """From the first page's start to the last one's end, or None without pages."""
        return (self.pages[0][0], self.pages[-1][1]) if self.pages else None


def plan(span: Span, timeframe: str, conventions: Conventions, server_now: datetime) -> Plan:
    """Pages of at most the venue's cap that hold each closed bar opening in [start, end) exactly once.

    Page edges lie on a grid of whole caps since the epoch, so that a resumed run asks the same questions; a
    venue that serves only its newest candles is asked once. A bar that has not closed by `server_now` plus its
    grace is left for a later run. Raises BadSpan for a span that is empty or before 1990, and VenueRefused for
    a timeframe that the venue does not offer.
    """
    length = length_of(timeframe)
    _check(span, timeframe, conventions)
    start, end = ceiling(span[0], length), min(ceiling(span[1], length), closed_end(server_now, length))
    first = first_served(conventions, length, server_now)
    refused = (start, min(first, end)) if first is not None and start < min(first, end) else None
    begin = refused[1] if refused else start
    cap = conventions.candles_per_request
    whole = conventions.depth is not None and conventions.depth <= cap
    pages = ((begin, end),) if whole and begin < end else _on_grid(begin, end, cap * length)
    return Plan(
        pages, refused, refusal(span, refused, timeframe, conventions, first) if refused and first else ""
    )


def together(spans: Iterable[Span], room: timedelta) -> list[Span]:
    """Spans as fewer, disjoint and ascending: those at most `room` apart are one, with what lies between them.

    With the length of a page as room, holes that one answer can hold do not cost a request each.
    """
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] <= room:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def closed_part(span: Span, length: timedelta, server_now: datetime) -> Span:
    """The closed bars that open in a span, as a span on the grid; not after its own start when there is none."""
    start = ceiling(span[0], length)
    return start, max(start, min(ceiling(span[1], length), closed_end(server_now, length)))


def floor(moment: datetime, length: timedelta) -> datetime:
    """The grid point of a timeframe at or before a moment."""
    return moment - (moment - EPOCH) % length


def ceiling(moment: datetime, length: timedelta) -> datetime:
    """The grid point of a timeframe at or after a moment."""
    return moment + (EPOCH - moment) % length


def closed_end(server_now: datetime, length: timedelta) -> datetime:
    """End of the last bar that has closed by the venue's clock, its grace included (F11)."""
    return floor(server_now - GRACE, length)


def bars_in(span: Span, length: timedelta) -> int:
    """Bars of a span whose edges lie on the grid."""
    return max((span[1] - span[0]) // length, 0)


def refusal(span: Span, refused: Span, timeframe: str, conventions: Conventions, first: datetime) -> str:
    """Why the older part of a span cannot be had as candles, and what can be had instead."""
    length, depth = length_of(timeframe), conventions.depth or 0
    served, asked = _duration(depth * length), _duration(span[1] - span[0])
    only_older = refused[1] < first
    instead = (
        f"nothing of it can be had, candles begin at {first:%Y-%m-%d %H:%M} UTC"
        if only_older
        else f"from {first:%Y-%m-%d %H:%M} UTC on can be had"
    )
    rebuilt = ""
    if conventions.trades_per_request:
        trades = (refused[1] - refused[0]) // timedelta(minutes=1) * TRADES_A_MINUTE
        requests = -(-trades // conventions.trades_per_request)
        rebuilt = (
            f"; its trades can rebuild older ones (about {requests:,} requests at {TRADES_A_MINUTE} trades a "
            "minute)"
        )
    return (
        f"{conventions.venue} serves the newest {depth:,} candles: {served} at {timeframe}; you asked for {asked} "
        f"from {span[0]:%Y-%m-%d %H:%M} UTC; {instead}{rebuilt}"
    )


def _check(span: Span, timeframe: str, conventions: Conventions) -> None:
    start, end = span
    if not EARLIEST <= start < end:
        raise BadSpan(
            f"span {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} holds nothing: expected a start from "
            f"{EARLIEST.year} on and an end after it; correct the universe's span."
        )
    if timeframe not in conventions.timeframes:
        raise VenueRefused(
            f"{conventions.venue} offers no {timeframe} candles: expected one of "
            f"{', '.join(conventions.timeframes)}; ask for a shorter one and let the bars be built from it."
        )


def first_served(conventions: Conventions, length: timedelta, server_now: datetime) -> datetime | None:
    """Open time of the oldest candle on offer; the open candle is one of those counted."""
    if conventions.depth is None:
        return None
    return floor(server_now, length) - (conventions.depth - 1) * length


def _on_grid(begin: datetime, end: datetime, step: timedelta) -> tuple[Span, ...]:
    pages = []
    while begin < end:
        edge = min(floor(begin, step) + step, end)
        pages.append((begin, edge))
        begin = edge
    return tuple(pages)


def _duration(length: timedelta) -> str:
    """`12 h` up to two days, `17.4 days` above."""
    hours = length / timedelta(hours=1)
    return f"{hours:.3g} h" if hours <= 48 else f"{hours / 24:.1f} days".replace(".0 days", " days")
