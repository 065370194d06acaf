"""Venues as a source: which of them answers which question. How each is asked is in the modules beside this one.

Candles come from the exchange of a symbol's market, ticks from the Tardis archive where it is set for the market,
else from the exchange's public trades and the snapshots recorded here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pipelines.errors import BadSettings, MissingData
from pipelines.market.symbols import Market
from pipelines.market.venue_settings import TardisSettings, VenuesConfig
from pipelines.settings import Universe
from resources.clock import Clock
from resources.progress import Progress
from resources.sources.source import Delivery
from resources.venues.counter import Counter
from resources.venues.endings import Name, candles_of
from resources.venues.recorded_books import RecordedBooks

if TYPE_CHECKING:
    from resources.venues.tick_archive import TickArchive

DAY = timedelta(days=1)
Span = tuple[datetime, datetime]


class VenueSource:
    """The Source and Incremental interfaces over the declared venues; nothing is asked before it is needed."""

    def __init__(
        self,
        config: VenuesConfig,
        universe: Universe,
        root: Path,
        clock: Clock,
        progress: Progress,
        secrets: Callable[[str], Mapping[str, str]],
    ) -> None:
        """`root`: folder of this world for pages, archives and gates; `secrets`: keys of a venue, by ccxt's names."""
        self.config, self.universe, self.clock, self.progress = config, universe, clock, progress
        self._counters: dict[str, Counter] = {}
        self._root, self._secrets = root, secrets
        self._books = RecordedBooks(root / "recorded")
        self._archive: TickArchive | None = None
        if config.tardis is not None and config.tardis.markets:
            self._archive = _open_archive(config.tardis, root, clock, progress, secrets)

    @property
    def recheck_bars(self) -> int:
        """See Incremental."""
        return self.config.recheck_bars

    def candles_in(
        self,
        market: Market,
        timeframe: str,
        spans: Sequence[Span],
        held: bool = False,
        newest: datetime | None = None,
    ) -> Delivery:
        """See Incremental; the spans are cut at what the venue's clock says has closed, and at a rename (F25)."""
        name = Name.of(market.symbol, self.universe, self.config.renames)
        counter, now = self._counter(market), self.clock.now()
        return candles_of(name, counter, market, timeframe, spans, held, now, newest)

    def committed(self, market: Market, timeframe: str) -> None:
        """See Incremental."""
        self._counter(market).committed(market, timeframe)

    def candles(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Delivery:
        """Every candle of the primary market in [start, end), asked for anew."""
        return self.candles_in(self.universe.primary(symbol), timeframe, [(start, end)])

    def second_candles(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Delivery | None:
        """The same of the second market, or None when none is declared."""
        market = self.universe.second(symbol)
        return None if market is None else self.candles_in(market, timeframe, [(start, end)])

    def trades(self, market: Market, day: date) -> Delivery:
        """Trades of one UTC day: from the archive where it is set for the market, else from the exchange."""
        if self._archive is not None and self._archive.holds(market):
            return self._archive.trades(market, day)
        return self._counter(market).trades(market, _span_of(day))

    def order_book(self, market: Market, day: date) -> Delivery:
        """Snapshots of one UTC day: the archive's, else those recorded here; today's ask for one more."""
        if self._archive is not None and self._archive.holds(market):
            return self._archive.order_book(market, day)
        if day == self.clock.now().date():
            return self._books.with_one_more(market, day, self._counter(market).book(market))
        return self._books.of(market, day)

    def funding(self, symbol: str, start: datetime, end: datetime) -> pl.DataFrame | None:
        """Settled funding of the primary market, or None where the venue has none."""
        market = self.universe.primary(symbol)
        return self._counter(market).funding(market, (start, end)) if self.has_funding(symbol) else None

    def fills(self, symbol: str, start: datetime, end: datetime) -> Delivery | None:
        """Fills of the wallets that are followed on the primary market's venue, or None when none is."""
        market = self.universe.primary(symbol)
        if not self.has_fills(symbol):
            return None
        return self._counter(market).fills(market, (start, end))

    def tick_days(self, market: Market) -> list[date]:
        """Days of the universe whose trades can be asked for: finished ones of the archive, an exchange's today too."""
        today = self.clock.now().date()
        if self._archive is not None and self._archive.holds(market):
            return self._archive.days(market, "trades", self._universe_days(today))
        declared = self.config.exchange(market.venue)
        return self._universe_days(today + DAY) if declared is not None and declared.trades else []

    def book_days(self, market: Market) -> list[date]:
        """The archive's days, else the days on which snapshots were recorded here, and today."""
        today = self.clock.now().date()
        if self._archive is not None and self._archive.holds(market):
            return self._archive.days(market, "book", self._universe_days(today))
        declared = self.config.exchange(market.venue)
        if declared is None or not declared.trades:
            return []
        return sorted(
            {*self._books.days(market), *(day for day in self._universe_days(today + DAY) if day == today)}
        )

    def has_candles(self, symbol: str, timeframe: str) -> bool:
        """Whether the exchange of the primary market is declared and offers the timeframe."""
        market = self.universe.primary(symbol)
        return self.config.exchange(market.venue) is not None and self._counter(market).offers(
            market, timeframe
        )

    def has_funding(self, symbol: str) -> bool:
        """Whether the exchange of the primary market settles funding."""
        market = self.universe.primary(symbol)
        return self.config.exchange(market.venue) is not None and self._counter(market).settles_funding()

    def has_fills(self, symbol: str) -> bool:
        """Whether wallets are followed on the primary market's venue."""
        declared = self.config.exchange(self.universe.primary(symbol).venue)
        return declared is not None and bool(declared.wallets)

    def candle_market(self, symbol: str, timeframe: str) -> Market | None:
        """The primary market where its exchange is declared."""
        market = self.universe.primary(symbol)
        return market if self.config.exchange(market.venue) is not None else None

    def check(self) -> None:
        """Raise BadSettings for a market whose venue is neither a declared exchange nor in the archive."""
        for symbol in self.universe.symbols:
            for name in (symbol.primary, symbol.second):
                if name is not None:
                    self._require_declared(Market.parse(name))

    def describe(self) -> dict[str, Any]:
        """The declared venues; nothing is asked."""
        return {"source": "venues", **asdict(self.config), "ignored": []}

    def _require_declared(self, market: Market) -> None:
        in_archive = self._archive is not None and self._archive.holds(market)
        if self.config.exchange(market.venue) is None and not in_archive:
            declared = ", ".join(e.venue for e in self.config.exchanges) or "none"
            raise BadSettings(
                f"market {market} is of a venue that nobody declared: expected {market.venue!r} under "
                f"source.venues.exchanges or the market under source.venues.tardis.markets, found exchanges "
                f"{declared}; declare it or remove the market."
            )
        self.config.require_allowed(market.venue)

    def _counter(self, market: Market) -> Counter:
        """Where the venue of a market is asked; opened once."""
        declared = self.config.exchange(market.venue)
        if declared is None:
            raise MissingData(
                f"{market}: its venue is no declared exchange, expected {market.venue!r} under "
                "source.venues.exchanges; declare it or leave this out."
            )
        if market.venue not in self._counters:
            self._counters[market.venue] = Counter(
                declared,
                self._root,
                self.clock,
                self.progress,
                self._secrets(market.venue),
                [s.symbol for s in self.universe.symbols if Market.parse(s.primary).venue == market.venue],
            )
        return self._counters[market.venue]

    def _universe_days(self, before: date) -> list[date]:
        universe = self.universe
        days = (universe.start + DAY * number for number in range((universe.end - universe.start).days))
        return [day for day in days if day < before]


def _open_archive(
    settings: TardisSettings,
    root: Path,
    clock: Clock,
    progress: Progress,
    secrets: Callable[[str], Mapping[str, str]],
) -> "TickArchive":
    from resources.venues.tick_archive import TickArchive  # its engines are heavy, and often not needed

    return TickArchive(settings, root / "tardis", clock, progress, secrets("tardis").get("apiKey"))


def _span_of(day: date) -> Span:
    start = datetime.combine(day, time(), UTC)
    return start, start + DAY
