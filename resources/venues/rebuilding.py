"""Bars made of the venue's own trades where its candles have none (F10, F13, F14); the others are empty or unknown.

A bar is known from trades only between two of them, one at or before its open and one at or after its close. After
the newest trade nobody can tell a quiet market from an outage, or from a venue that has not published yet. That none
between the two is lost is for whoever gives the trades to prove (counter.py).
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import polars as pl

from pipelines.errors import NoAnswer, RateLimited, VenueDown, VenueError, VenueRefused
from pipelines.market.paging import Span, ceiling, floor
from pipelines.market.schemas import UTC_US
from pipelines.market.trade_candles import by_day, candles_of
from resources.venues.asking import Asker
from resources.venues.ledger import Ledger, micros, spelled

AROUND = timedelta(minutes=2)
"""Trades asked for on each side of a hole at most: their ids must go on across it."""
FORWARD = timedelta(hours=1)
"""So far behind a hole trades are asked for, where those just behind it do not close its last bar."""
FINAL = (NoAnswer, VenueRefused, RateLimited)
"""After one of these the other holes are not asked about: they would be answered the same."""
AFTER = "after it has been seen yet"
Trades = Callable[[datetime, datetime], pl.DataFrame]
"""Every trade (TRADES) of a half-open span, or a VenueError: an incomplete answer is not a value."""


class Rebuilder:
    """Trades against the holes of one fetch."""

    def __init__(self, asker: Asker, ledger: Ledger, present: set[int], trades: Trades) -> None:
        """`present`: open times of the candles that were given; grows with what is rebuilt."""
        self.asker, self.ledger, self.present, self.trades = asker, ledger, present, trades
        self.bars: list[pl.DataFrame] = []  # CANDLES plus seen_at
        self._around = min(AROUND, 2 * asker.length)
        self._proof: Span | None = None  # of the hole's last answer: all trades in it are there

    def fill(self, holes: Sequence[Span], tell: Callable[[str, float], None]) -> None:
        """Settle what trades can settle of some holes, and say of the rest why not.

        Raises VenueDown for an outage; one request that got no answer is none, and leaves the holes unknown.
        """
        total, done = sum(len(by_day(hole)) for hole in holes), 0
        for place, hole in enumerate(holes):
            start, self._proof = hole[0], None
            for chunk in by_day(hole):
                tell(f"{self.asker.market}: candles from trades, {done} of {total} spans", done / total)
                done += 1
                try:
                    start = self._of_day(start, chunk, hole)
                except FINAL as error:
                    for rest in ((start, hole[1]), *holes[place + 1 :]):
                        self._unknown(rest, str(error))
                    return

    def _of_day(self, start: datetime, chunk: Span, hole: Span) -> datetime:
        """Settle a day of a hole, and what the day before left open from `start` on; the first bar still open.

        A day of which nothing could be settled stays unknown: the next one does not ask for it again.
        """
        try:
            settled = self._settle((start, chunk[1]), chunk[1] + self._around)
            now = self.asker.server_now
            if settled < chunk[1] == hole[1] and chunk[1] + self._around < now:
                behind = chunk[1] + max(self.asker.length, FORWARD)
                settled = self._settle((settled, chunk[1]), min(behind, now))
        except (VenueDown, *FINAL):
            raise
        except VenueError as error:
            self._unknown((start, chunk[1]), str(error))
            return chunk[1] if start == chunk[0] else self._of_day(chunk[0], chunk, hole)
        return settled if settled > chunk[0] else chunk[1]

    def _settle(self, span: Span, until: datetime) -> datetime:
        """Rebuild or call empty what lies between the trades of an answer; where that ends."""
        length, venue = self.asker.length, self.asker.market.venue
        times = (found := self.trades(span[0] - self._around, until))["time"]
        first, last = times.min(), times.max()
        if not isinstance(first, datetime) or not isinstance(last, datetime):
            self._unknown(span, f"{venue} gave no trade around it: not treated as a quiet market")
            return span[0]
        whole = self._whole_from(span[0], first)
        self._proof, begin = (whole, last), min(whole, span[1])
        end = max(begin, min(floor(last, length), span[1]))
        bars, seen_at = candles_of(found, (begin, end), length), self.asker.now()
        self.bars.append(bars.with_columns(pl.lit(seen_at, UTC_US).alias("seen_at")))
        self.present.update(bars["open_time"].to_physical().to_list())
        empty = f"{venue}'s trades of {spelled((begin, end))} have none in it"
        self.ledger.mark((begin, end), "verified-empty", empty, seen_at)
        for part, side, at in (
            ((span[0], begin), "before it has been seen", first),
            ((end, span[1]), AFTER, last),
        ):
            shown = f"{venue} has one at {at:%Y-%m-%d %H:%M:%S} UTC"
            self._unknown(part, f"no trade {side}, {shown}: not treated as a quiet market")
        return end

    def _whole_from(self, start: datetime, first: datetime) -> datetime:
        """The first bar, from `start` on, of which the trades of an answer that begins with `first` are all there."""
        if self._proof is not None and self._proof[0] <= start and first <= self._proof[1]:
            return start  # this answer goes on where the one before it ended
        begins = micros(start) == self.ledger.opens[0]  # of what came before it nobody was asked
        return max(start, (floor if begins else ceiling)(first, self.asker.length))

    def _unknown(self, span: Span, reason: str) -> None:
        """Say why trades do not help, behind why they were asked for where a row was there and was refused."""
        if span[0] >= span[1]:
            return
        given = any(span[0] <= bar < span[1] for bar in self.asker.heard.spoiled)
        said = f"what {self.asker.market.venue} gave for {spelled(span)} was quarantined; {reason}"
        self.ledger.mark(span, "unknown", said if given else reason, self.asker.now())
