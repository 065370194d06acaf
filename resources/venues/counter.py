"""One declared exchange, open: its transport, clock, conventions and spool, and every question it can be asked.

How each question is asked is in the modules named after it; which exchange answers what is source.py.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.errors import BadAnswer, NoAnswer, VenueDown
from pipelines.market.calendars import ALWAYS, calendar_of
from pipelines.market.symbols import Market
from pipelines.market.venue_settings import ExchangeSettings
from pipelines.market.venues import Conventions, conventions_of
from resources.clock import Clock
from resources.progress import Progress
from resources.sources.source import Delivery
from resources.venues.alpaca_stocks import fetch_stock_candles
from resources.venues.books import fetch_book
from resources.venues.candles import fetch_candles
from resources.venues.exchange import conventions_for, open_exchange
from resources.venues.fills import fetch_fills
from resources.venues.funding import fetch_funding
from resources.venues.gate import Gate
from resources.venues.pages import Spool
from resources.venues.server_clock import ServerClock
from resources.venues.trades import fetch_trades
from resources.venues.transport import Transport
from resources.venues.waiting import nothing_but, with_waiting

Span = tuple[datetime, datetime]
WITNESS = timedelta(hours=1)
"""Trades are asked for from so long before a hole: one of them shows that the venue answers with trades at all."""


class Counter:
    """Where one venue is asked; opened when first asked."""

    def __init__(
        self,
        settings: ExchangeSettings,
        root: Path,
        clock: Clock,
        progress: Progress,
        keys: Mapping[str, str],
        symbols: Sequence[str] = (),
    ) -> None:
        """`root`: folder for the spool and the gate that all processes share; `symbols`: who waits when it is down."""
        self.settings, self.root, self.clock, self.progress, self.keys = settings, root, clock, progress, keys
        self.symbols = symbols

    @cached_property
    def transport(self) -> Transport:
        """Requests of this venue, below its limit and in the queue that all processes share."""
        rate = self.settings.requests_per_second or conventions_of(self.settings.id).requests_per_second
        gate = Gate(self.root / "gates", self.settings.venue, self.clock.monotonic)
        return Transport(
            self.settings.venue,
            gate,
            self.clock,
            self.progress.say,
            requests_per_second=rate,
            timeout=self.settings.timeout,
        )

    @cached_property
    def exchange(self) -> Any:
        """The class of ccxt behind our transport."""
        return open_exchange(self.settings, self.transport, self.keys)

    @cached_property
    def server_clock(self) -> ServerClock:
        """The venue's clock."""
        return ServerClock(self.exchange, self.clock)

    @cached_property
    def conventions(self) -> Conventions:
        """What the venue's API does by convention."""
        return conventions_for(self.exchange)

    def candles(
        self,
        market: Market,
        timeframe: str,
        spans: Sequence[Span],
        calendar: str,
        *,
        held: bool = False,
        newest: datetime | None = None,
        rebuild: bool = True,
    ) -> Delivery:
        """FIRST_SEEN candles and EVIDENCE; a share's (its calendar has sessions) from Alpaca's stock bars.

        `held`: candles of it are stored; `newest`: open time of the newest of them; `rebuild`: what candles do not
        hold may be made of the venue's trades.
        """
        try:
            now = self.server_clock.now()
        except NoAnswer:
            raise
        except VenueDown as error:
            found = nothing_but(str(error), timeframe, spans, self.clock.now(), newest)
        else:
            found = self._candles_at(now, market, timeframe, spans, calendar, held, newest, rebuild)
        return with_waiting(found, market.venue, self.symbols)

    def _candles_at(
        self,
        now: datetime,
        market: Market,
        timeframe: str,
        spans: Sequence[Span],
        calendar: str,
        held: bool,
        newest: datetime | None,
        rebuild: bool,
    ) -> Delivery:
        if calendar != ALWAYS:
            return fetch_stock_candles(
                market.symbol,
                timeframe,
                spans,
                self.transport,
                self.keys,
                self.settings.base_url,
                calendar_of(calendar),
                now,
                self.progress.say,
                newest=newest,
            )
        return fetch_candles(
            market,
            timeframe,
            spans,
            self.exchange,
            self.transport,
            self.conventions,
            self._spool(market, timeframe),
            now,
            self.progress.tell,
            trades=self._whole_trades(market) if rebuild and self.conventions.trades_per_request else None,
            held=held,
            newest=newest,
        )

    def committed(self, market: Market, timeframe: str) -> None:
        """The pages of this market and timeframe have become rows of a table."""
        self._spool(market, timeframe).clear()

    def offers(self, market: Market, timeframe: str) -> bool:
        """Whether the venue has candles of this timeframe."""
        return timeframe in self.conventions.timeframes

    def trades(self, market: Market, span: Span) -> Delivery:
        """TRADES of a span, and EVIDENCE where some are missing."""
        return fetch_trades(market, span, self.exchange, self.transport, self.progress.tell)

    def book(self, market: Market) -> Delivery:
        """One ORDER_BOOK snapshot of now; none when four in a row were crossed or broken."""
        return fetch_book(market, self.exchange, self.transport)

    def settles_funding(self) -> bool:
        """Whether this venue has funding at all."""
        return bool(self.exchange.has.get("fetchFundingRateHistory"))

    def funding(self, market: Market, span: Span) -> pl.DataFrame:
        """FUNDING of a span."""
        return fetch_funding(market, span, self.exchange, self.transport, self.progress.tell)

    def fills(self, market: Market, span: Span) -> Delivery:
        """FILLS of the followed wallets in a span."""
        wallets = self.settings.wallets
        return fetch_fills(market, wallets, span, self.exchange, self.transport, self.progress.tell)

    def _whole_trades(self, market: Market) -> Callable[[datetime, datetime], pl.DataFrame]:
        def whole(start: datetime, end: datetime) -> pl.DataFrame:
            found = self.trades(market, (start - WITNESS, end))
            lost = found.evidence.filter(pl.col("kind") != "verified-empty")
            if found.frame.is_empty() and not found.evidence.is_empty():
                raise BadAnswer(
                    f"{market.venue} answered no trade of {market.symbol} from {start - WITNESS:%Y-%m-%d %H:%M} to "
                    f"{end:%Y-%m-%d %H:%M} UTC, asked twice: not treated as a quiet market."
                )
            if lost.is_empty():
                return found.frame
            raise BadAnswer(
                f"{market} has trades missing between {start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M}: "
                f"{lost['reason'][0]}; no candle is rebuilt from the others."
            )

        return whole

    def _spool(self, market: Market, timeframe: str) -> Spool:
        name = self.settings.name_of(market.symbol)
        source = f"{self.settings.id} {name} {self.settings.base_url.rstrip('/')}"
        return Spool(self.root / "_pages", market, timeframe, source)
