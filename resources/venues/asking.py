"""One question to a venue, one page of candles: from the spool when it was answered before, else from the venue.

Which questions to ask is candles.py and holes.py; what a row means is pipelines/market/candle_answers.py.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from pipelines.errors import BadAnswer
from pipelines.market.candle_answers import Answered, continues, raw_rows, read_candles
from pipelines.market.candle_names import names_of, require_named
from pipelines.market.paging import Span, bars_in
from pipelines.market.symbols import Market
from pipelines.market.timeframes import length_of
from pipelines.market.venues import TABLE, Conventions
from resources.venues.exchange import market_of, parse, speaking
from resources.venues.ledger import Times, micros, times_of
from resources.venues.pages import Spool
from resources.venues.transport import Answer

HOPELESS = 3
"""After so many answers in a row that were none, the rest is not asked for."""
PARTS = 100
"""An answer goes on under a token at most so often."""


@dataclass
class Heard:
    """Everything that was answered: each row is a sighting, quarantined, unfinished or outside the spans."""

    sightings: list[pl.DataFrame] = field(
        default_factory=list
    )  # CANDLES plus seen_at, in the order of asking
    quarantine: list[pl.DataFrame] = field(default_factory=list)
    spoiled: set[datetime] = field(default_factory=set)  # bars of which a row was quarantined
    outliers: set[datetime] = field(default_factory=set)  # those of them whose price nobody else has seen
    unfinished: int = 0
    answers: int = 0  # that hold rows
    shifted: int = 0  # of them, those whose rows lie one bar too late
    sent: int = 0
    odd: list[str] = field(default_factory=list)  # sentences about answers to another question
    last: datetime | None = None  # when the last answer was received
    earliest: datetime | None = None  # the oldest candle ever given, of the spans or not
    newest: datetime | None = None  # and the newest

    def add(self, answered: Answered, received_at: datetime) -> None:
        """Take in one answer."""
        self.sightings.append(
            answered.rows.with_columns(pl.lit(received_at).cast(pl.Datetime("us", "UTC")).alias("seen_at"))
        )
        if not answered.quarantine.is_empty():
            self.quarantine.append(answered.quarantine)
        self.spoiled.update(answered.spoiled)
        self.unfinished += answered.unfinished
        self.answers += answered.sent > 0
        self.shifted += answered.shifted
        self.sent += answered.sent
        self.last = max(received_at, self.last or received_at)
        if not answered.rows.is_empty():
            first, last = answered.rows["open_time"][0], answered.rows["open_time"][-1]
            self.earliest = min(first, self.earliest or first)
            self.newest = max(last, self.newest or last)


@dataclass(frozen=True)
class Reply:
    """What one question brought: open times of its rows, and whether every row could be placed."""

    times: Times
    readable: bool


class Asker:
    """Questions about the candles of one market and timeframe."""

    def __init__(
        self,
        market: Market,
        timeframe: str,
        exchange: Any,
        conventions: Conventions,
        spool: Spool | None,
        server_now: datetime,
    ) -> None:
        self.market, self.timeframe, self.exchange = market, timeframe, exchange
        self.conventions, self.spool, self.server_now = conventions, spool, server_now
        self.length = length_of(timeframe)
        self.heard = Heard()
        self._bad: list[str] = []

    def ask(self, asked: Span, times: int = 1) -> Reply:
        """Ask for the bars that open in a span, `times` counting how often it has been asked.

        Raises the VenueError tree; BadAnswer without a request once HOPELESS answers in a row were none.
        """
        if len(self._bad) >= HOPELESS:
            raise BadAnswer(self._bad[-1])
        try:
            reply = self._ask(asked, times)
        except BadAnswer as error:
            self._bad.append(str(error))
            raise
        self._bad.clear()
        return reply

    def now(self) -> datetime:
        """The time of our clock, by which everything so far was received."""
        moment: datetime = self.exchange.transport.clock.now()
        return moment

    def _ask(self, asked: Span, times: int) -> Reply:
        found: list[Answered] = []
        token: str | None = None
        lines = 0
        for part in range(PARTS):
            kept = self.spool.read(asked, times, part) if self.spool else None
            before = self.exchange.requests
            rows, answer = self._rows(asked, token, kept)
            token = continues(self.conventions.venue, self.exchange.last_json)
            if self.spool and self.exchange.requests == before + 1:
                self.spool.keep(asked, answer, times, part)
            answered = read_candles(
                rows,
                self._name(asked, times),
                asked,
                self.timeframe,
                self.conventions,
                self.server_now,
                lines,
            )
            self.heard.add(answered, answer.received_at)
            found.append(answered)
            lines += len(rows)
            if token is None:
                break
        rows_found = pl.concat([answered.rows for answered in found])
        self._check_span(asked, rows_found)
        return Reply(times_of(rows_found), not any(answered.unreadable for answered in found))

    def _rows(self, asked: Span, token: str | None, kept: Answer | None) -> tuple[list[Any], Answer]:
        """The raw rows of an answer whose shape is the venue's; `kept` is taken for the answer when there is one."""
        exchange, habits = self.exchange, self.conventions
        described = market_of(exchange, self.market.symbol)
        known = habits.venue in TABLE
        if kept is not None and known:
            exchange.last_answer, exchange.last_json = kept, parse(kept, self.market.venue)
        else:
            self._send(described["symbol"], asked, token, kept)
        if not known:
            return list(exchange.rows), exchange.last_answer
        rows = raw_rows(habits.venue, exchange.last_json, described["id"])
        require_named(habits.venue, exchange.last_json, names_of(habits.venue, described), self.timeframe)
        return rows, exchange.last_answer

    def _send(self, name: str, asked: Span, token: str | None, kept: Answer | None) -> None:
        exchange, habits = self.exchange, self.conventions
        bars = bars_in(asked, self.length)
        params: dict[str, Any] = {"page_token": token} if token else {}
        if habits.takes_end:
            last = asked[1] - self.length if habits.inclusive_end else asked[1]
            params["until"] = micros(last) // 1000
        exchange.given, exchange.cost = kept, habits.cost(bars)
        try:
            with speaking(self.market.venue):
                exchange.fetch_ohlcv(name, self.timeframe, micros(asked[0]) // 1000, bars, params)
        finally:
            exchange.given, exchange.cost = None, 1.0

    def _check_span(self, asked: Span, rows: pl.DataFrame) -> None:
        """Note an answer to another question: rows, but none of the span asked for (F7, F8, F10)."""
        inside = rows["open_time"].is_between(*asked, closed="left")
        if rows.is_empty() or inside.any():
            return
        first, last = rows["open_time"][0], rows["open_time"][-1]
        self.heard.odd.append(
            f"{self.market.venue} was asked for {asked[0]:%Y-%m-%d %H:%M} to {asked[1]:%Y-%m-%d %H:%M} UTC and "
            f"answered {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}: nothing of it is taken for an answer"
        )

    def _name(self, asked: Span, times: int) -> str:
        again = f", asked {times} times" if times > 1 else ""
        return f"{self.market} {self.timeframe} {asked[0]:%Y-%m-%dT%H:%M} to {asked[1]:%Y-%m-%dT%H:%M}{again}"
