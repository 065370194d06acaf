"""Candles of a venue over any span: planned, asked page by page, and accounted for to the last row and bar.

How a span is cut is pipelines/market/paging.py, one question is asking.py, missing bars are holes.py, and what is
put together from all answers is sightings.py; bars made of trades are rebuilding.py, and what an outage says of bars
is waiting.py. Nothing here writes to a table.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from pipelines.errors import BadAnswer, NoAnswer, VenueDown
from pipelines.market.paging import Plan, Span, bars_in, closed_part, plan, together
from pipelines.market.symbols import Market
from pipelines.market.timeframes import length_of
from pipelines.market.venues import Conventions
from resources.sources.source import Delivery
from resources.venues.asking import Asker
from resources.venues.exchange import market_of
from resources.venues.holes import Holes
from resources.venues.ledger import Ledger, Times, times_of
from resources.venues.pages import Spool
from resources.venues.rebuilding import Rebuilder, Trades
from resources.venues.sightings import delivered, sighted
from resources.venues.transport import Transport
from resources.venues.waiting import outage

Tell = Callable[[str, float], None]


def fetch_candles(
    market: Market,
    timeframe: str,
    spans: Sequence[Span],
    exchange: Any,
    transport: Transport,
    conventions: Conventions,
    spool: Spool | None,
    server_now: datetime,
    tell: Tell,
    trades: Trades | None = None,
    held: bool = False,
    newest: datetime | None = None,
) -> Delivery:
    """FIRST_SEEN candles of closed bars that open in `spans`, and EVIDENCE for every other closed bar of them.

    Spans at most a page apart are asked for together; a candle that lies between them is not delivered.

    `server_now`: the venue's clock; `spool`: pages kept from an earlier run are not asked for again, and the
    caller clears it once the rows are in a table; `trades`: where given, rebuilds what candles do not hold, older
    history included; `held`: candles of the symbol are already stored (see market_of); `newest`: open time of the
    newest of them, None: none is.

    A venue in maintenance or out of reach ends the fetch: what it gave is delivered, and the rest is venue-down after
    the newest bar it ever gave, before that unknown.
    Raises VenueRefused, RateLimited, NoAnswer and BadSpan; the pages that came before stay in the spool.
    """
    page = conventions.candles_per_request * length_of(timeframe)
    plans = [plan(span, timeframe, conventions, server_now) for span in together(spans, page)]
    asker = Asker(market, timeframe, exchange, conventions, spool, server_now)
    fetch = Fetch(market, timeframe, spans, plans, asker)
    planned = tuple(fetch.notes)
    for sentence in planned:
        transport.tell(f"{sentence}.")
    try:
        market_of(exchange, market.symbol, held)
        fetch.ask_pages(transport, tell)
        fetch.fill_holes(trades, tell)
    except NoAnswer:
        raise  # five tries of one request are no outage: the run fails and goes on from its pages
    except VenueDown as error:
        fetch.down(str(error), newest)
    finally:
        transport.progress = ""
    delivery = delivered(fetch.asker, fetch.ledger, fetch.rebuilt, tuple(fetch.notes + fetch.holes.notes))
    for sentence in delivery.notes:
        if sentence not in planned:
            tell(sentence, 1.0)
    return delivery


class Fetch:
    """One fetch under way: what was planned, what has been given, and what is known of the rest."""

    def __init__(
        self, market: Market, timeframe: str, spans: Sequence[Span], plans: Sequence[Plan], asker: Asker
    ) -> None:
        self.label, self.asker = f"{market.symbol} {timeframe}", asker
        self.rebuilt: list[pl.DataFrame] = []  # CANDLES plus seen_at
        self.pages = [page for made in plans for page in made.pages]
        self.refused = [made.refused for made in plans if made.refused is not None]
        self.asked = 0
        wanted = [closed_part(span, asker.length, asker.server_now) for span in spans]
        self.ledger = Ledger(wanted, asker.length)
        self.holes = Holes(asker, self.ledger, set())
        self.notes = list(dict.fromkeys(made.sentence for made in plans if made.sentence))
        for made in plans:
            if made.refused is not None:
                self.ledger.mark(made.refused, "unknown", made.sentence)

    def ask_pages(self, transport: Transport, tell: Tell) -> None:
        """The first question about every page; a page without an answer is a hole."""
        total = sum(bars_in(page, self.asker.length) for page in self.pages)
        bars = 0
        for done, page in enumerate(self.pages):
            share = bars / total
            transport.progress = self._phrase(bars, total, done)
            tell(f"{self.label}: {transport.progress}", share)
            try:
                times = self.asker.ask(page).times
                self.holes.present.update(self.ledger.of(times).tolist())
            except BadAnswer as error:
                self.ledger.mark(page, "unknown", str(error))
            bars += bars_in(page, self.asker.length)
            self.asked = done + 1
        if self.pages:
            transport.progress = self._phrase(total, total, len(self.pages))
            tell(f"{self.label}: {transport.progress}", 1.0)

    def fill_holes(self, trades: Trades | None, tell: Tell) -> None:
        """Second questions, then the listing, then trades."""
        outliers = sighted(self.asker)[2]
        self.asker.heard.outliers.update(outliers["open_time"])
        self.asker.heard.spoiled.update(outliers["open_time"])
        self.holes.present -= {int(time) for time in times_of(outliers)}
        self.holes.provable = trades is not None
        self._ask_again([hole for hole in self._missing() if not _inside(hole, self.refused)])
        if trades is not None:
            rebuilder = Rebuilder(self.asker, self.ledger, self.holes.present, trades)
            self.rebuilt = rebuilder.bars
            rebuilder.fill(self._missing(), tell)

    def down(self, reason: str, newest: datetime | None) -> None:
        """What was not asked for is what an outage says of it, what could not be asked again unknown.

        `newest`: open time of the newest stored candle; where none is, that some were given now says nothing of the
        others: they were only not asked for yet.
        """
        present, given = self._present(), self.asker.heard.newest
        edge = newest if newest is None or given is None else max(newest, given)
        for page in self.pages[self.asked :]:
            for said in outage(page, reason, edge, self.asker.length):
                self.ledger.mark(*said)
        for hole in self.ledger.missing(present, judged=False):
            self.ledger.mark(hole, "unknown", f"not given, and could not be asked for again: {reason}")
        self.notes.append(reason)

    def _ask_again(self, holes: list[Span]) -> None:
        """Second questions; of a long stretch before the first candle only its ends, if a listing explains it."""
        begin = self.pages[0][0] if self.pages else None
        leading = [piece for hole in holes if hole[0] == begin for piece in self.holes.pieces(hole)]
        ends = list(dict.fromkeys([*leading[:1], *leading[-1:]]))
        if leading == ends:  # no middle that could be spared
            self.holes.ask_again(holes)
            if leading:
                self.holes.listed_since()
            return
        self.holes.ask_again(ends)
        rest = [hole for hole in holes if hole[0] != begin]
        if leading and not self.holes.listed_since():
            rest += [piece for piece in leading if piece not in ends]
        self.holes.ask_again(sorted(rest))

    def _present(self) -> Times:
        return np.array(sorted(self.holes.present), dtype=np.int64)

    def _missing(self) -> list[Span]:
        return self.ledger.missing(self._present())

    def _phrase(self, bars: int, total: int, pages: int) -> str:
        day = timedelta(days=1) / self.asker.length
        digits = 0 if total / day >= 10 else 1
        return f"{bars / day:,.{digits}f} of {total / day:,.{digits}f} days, {pages:,} of {len(self.pages):,} pages"


def _inside(hole: Span, spans: Sequence[Span]) -> bool:
    return any(start <= hole[0] and hole[1] <= end for start, end in spans)
