"""Candles of a venue over any span: planned, asked page by page, and accounted for to the last row and bar.

How a span is cut is pipelines/market/paging.py, one question is asking.py, missing bars are holes.py, and what is
put together from all answers is sightings.py. Nothing here writes to a table.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from pipelines.errors import BadAnswer, NoAnswer, VenueDown
from pipelines.market.paging import Plan, Span, bars_in, plan
from pipelines.market.symbols import Market
from pipelines.market.venues import Conventions
from resources.sources.source import Delivery
from resources.venues.asking import Asker
from resources.venues.exchange import market_of
from resources.venues.holes import Holes, Trades
from resources.venues.ledger import Ledger, Times, times_of
from resources.venues.pages import Spool
from resources.venues.sightings import delivered, sighted
from resources.venues.transport import Transport

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
) -> Delivery:
    """FIRST_SEEN candles of closed bars that open in `spans`, and EVIDENCE for every other closed bar of them.

    `server_now`: the venue's clock; `spool`: pages kept from an earlier run are not asked for again, and the
    caller clears it once the rows are in a table; `trades`: where given, rebuilds what candles do not hold, older
    history included; `held`: candles of the symbol are already stored (see market_of).

    A venue in maintenance or out of reach ends the fetch: what it gave is delivered and the rest is venue-down.
    Raises VenueRefused, RateLimited, NoAnswer and BadSpan; the pages that came before stay in the spool.
    """
    plans = [plan(span, timeframe, conventions, server_now) for span in spans]
    fetch = Fetch(
        market, timeframe, plans, Asker(market, timeframe, exchange, conventions, spool, server_now)
    )
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
        fetch.down(str(error))
    finally:
        transport.progress = ""
    delivery = delivered(
        fetch.asker, fetch.ledger, fetch.holes.rebuilt, tuple(fetch.notes + fetch.holes.notes)
    )
    for sentence in delivery.notes:
        if sentence not in planned:
            tell(sentence, 1.0)
    return delivery


class Fetch:
    """One fetch under way: what was planned, what has been given, and what is known of the rest."""

    def __init__(self, market: Market, timeframe: str, plans: Sequence[Plan], asker: Asker) -> None:
        self.label, self.plans, self.asker = f"{market.symbol} {timeframe}", plans, asker
        self.pages = [page for made in plans for page in made.pages]
        self.refused = [made.refused for made in plans if made.refused is not None]
        self.asked = 0
        self.ledger = Ledger([*self.pages, *self.refused], asker.length)
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
            self.holes.from_trades(self._missing(), trades, tell)

    def down(self, reason: str) -> None:
        """What was not asked for is venue-down, what could not be asked again unknown; nothing is made up."""
        present = self._present()
        for page in self.pages[self.asked :]:
            self.ledger.mark(page, "venue-down", reason)
        for hole in self.ledger.missing(present, judged=False):
            self.ledger.mark(hole, "unknown", f"not given, and could not be asked for again: {reason}")
        self.notes.append(reason)

    def _ask_again(self, holes: list[Span]) -> None:
        """Second questions; of a long stretch before the first candle only its ends, if a listing explains it."""
        begin = self.pages[0][0] if self.pages else None
        leading = [piece for hole in holes if hole[0] == begin for piece in self.holes.pieces(hole)]
        ends = list(dict.fromkeys([*leading[:1], *leading[-1:]]))
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
