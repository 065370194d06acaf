"""One UTC day from the archive's replay of raw messages. What a message means: pipelines/market/native.

Messages are replayed by the recorder's time and cut by the exchange's, so a little of the days beside is read too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from pipelines.errors import BadAnswer, MissingData, VenueRefused
from pipelines.market.native.book_updates import invalidate
from pipelines.market.native.gathered import Normalised
from pipelines.market.native.normalising import normalise
from pipelines.market.rows import QUARANTINE
from pipelines.market.tardis.books import BookBuilder
from pipelines.market.tardis.ordering import Ordering
from pipelines.market.tardis.rebuilding import notes_of, typed_updates
from resources.progress import Progress
from resources.sources.captures import Captured
from resources.sources.gathering import judged_clock
from resources.sources.source import Delivery
from resources.tardis import Archive
from resources.venues.replay_channels import BOOKS, TRADES, Ways, channels_of

MARGIN = timedelta(minutes=1)
"""Messages are replayed by local time; a recorder's clock may be so far from the exchange's."""
PAST = timedelta(days=1)
"""A snapshot, or the list of trades that opens a feed, tells of moments so long before it."""
DELAY = timedelta(minutes=5)
"""After which the archive has what was recorded (docs.tardis.dev: four to five minutes)."""
SNAPSHOTS_ONLY = ("hyperliquid",)
Span = tuple[datetime, datetime]


class ReplayedDay:
    """Days of one archive, replayed."""

    def __init__(self, archive: Archive, progress: Progress) -> None:
        self.archive, self.progress = archive, progress
        self._channels: dict[str, frozenset[str]] = {}

    def trades(self, exchange: str, symbol: str, span: Span) -> Delivery:
        """TRADES of [start, end), an outlier judged by its neighbours beyond midnight too.

        Raises UnknownName for an exchange whose messages nobody here reads, MissingData where the archive has no
        message, or not yet, and BadAnswer where its messages say nothing that is understood.
        """
        found = self._normalised(exchange, symbol, span, TRADES)
        rows = found.trades.filter(pl.col("time").is_between(*span, closed="left"))
        return judged_clock(Delivery(rows, found.quarantine, found.notes, duplicates=found.repeats))

    def book(self, exchange: str, symbol: str, span: Span) -> Delivery:
        """ORDER_BOOK of [start, end), rebuilt; a lost message makes it unknown until the next snapshot.

        Raises as `trades` does, and BadAnswer where the book is known at no moment of the span.
        """
        found = self._normalised(exchange, symbol, span, BOOKS)
        builder = BookBuilder(snapshots_replace=exchange in SNAPSHOTS_ONLY, counted=span)
        states = pl.concat([builder.feed(typed_updates(found.updates)), builder.finish()])
        states = invalidate(Ordering().stamped(states), found.invalid).sort("time", maintain_order=True)
        _require_known(states, span, f"{symbol} of {exchange}", found)
        book = states.filter(pl.col("time").is_between(*span, closed="left"))
        notes = (*found.notes, *notes_of(builder))
        return replace(judged_clock(Delivery(book, found.quarantine, notes)), crossed=builder.states.crossed)

    def _normalised(self, exchange: str, symbol: str, span: Span, ways: Mapping[str, Ways]) -> Normalised:
        """The messages of the span and a little more; of the quarantine what was received in the span."""
        start, end = span
        what = f"messages of {exchange} {symbol} from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
        if exchange in ways:
            self._require_recorded(end, what)
            if exchange not in self._channels:
                self._channels[exchange] = self.archive.channels(exchange)
        channels = channels_of(ways, exchange, symbol, self._channels.get(exchange, frozenset()))
        self.progress.tell(f"replay of {exchange} {symbol}", 0.0)
        received = _Received(span)
        messages = received.watched(self.archive.replay(exchange, channels, start - MARGIN, end + MARGIN))
        file, window = f"replay of {exchange} {start:%Y-%m-%d}", (start - PAST, end + MARGIN)
        try:
            found = normalise(exchange, messages, symbol, window, file)
        except VenueRefused as error:
            if "not available yet" not in str(error):
                raise
            raise _too_early(end, what) from error
        _require_said(found, what)
        return replace(found, quarantine=received.inside(found.quarantine).select(*QUARANTINE))

    def _require_recorded(self, end: datetime, what: str) -> None:
        if self.archive.clock.now() < end + MARGIN + DELAY:
            raise _too_early(end, what)


@dataclass
class _Received:
    """Which messages were received in a span, by their 1-based numbers."""

    span: Span
    first: int | None = None
    after: int | None = None

    def watched(self, messages: Iterable[Captured]) -> Iterator[Captured]:
        """The messages, their times noted."""
        for number, (moment, message) in enumerate(messages, start=1):
            if moment is not None and self.first is None and moment >= self.span[0]:
                self.first = number
            if moment is not None and self.after is None and moment >= self.span[1]:
                self.after = number
            yield moment, message

    def inside(self, quarantine: pl.DataFrame) -> pl.DataFrame:
        """Rows of messages of the span: those of the margin are the other day's."""
        if self.first is None:
            return quarantine.clear()
        late = pl.lit(False) if self.after is None else pl.col("line") >= self.after
        return quarantine.filter((pl.col("line") >= self.first) & ~late)


def _too_early(end: datetime, what: str) -> MissingData:
    return MissingData(
        f"{what} are not in the archive yet: it has them four to five minutes later; ask again after "
        f"{end + MARGIN + DELAY:%Y-%m-%d %H:%M} UTC."
    )


def _require_said(found: Normalised, what: str) -> None:
    if not found.messages:
        raise MissingData(
            f"the archive gave no {what}: expected some; check the symbol's spelling under "
            "source.venues.tardis.markets, or leave the day out."
        )
    if not found.sent:
        raise BadAnswer(
            f"{found.messages:,} {what} gave not one row: expected trades or levels, found first {found.first}; set "
            "source.venues.tardis.replay = false to read its daily files."
        )


def _require_known(states: pl.DataFrame, span: Span, what: str, found: Normalised) -> None:
    """Some state of the span has levels; the one that stands at its start counts."""
    standing = states.filter(pl.col("time") < span[0]).tail(1)
    of_day = pl.concat([standing, states.filter(pl.col("time").is_between(*span, closed="left"))])
    if of_day.filter(pl.any_horizontal(pl.col("bid_price_1", "ask_price_1").is_not_null())).is_empty():
        raise BadAnswer(
            f"the book of {what} is known at no moment of {span[0]:%Y-%m-%d %H:%M} to {span[1]:%Y-%m-%d %H:%M} UTC: "
            f"expected a snapshot that can be used in {found.messages:,} messages, found {found.unusable:,} levels "
            f"without one; set source.venues.tardis.replay = false to read its daily files."
        )
