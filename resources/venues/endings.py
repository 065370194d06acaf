"""Candles of a symbol that ended, was renamed or vanished (F25, F26): only its own time is asked for, and it is said.

Whose time is whose: pipelines/market/aliases.py. How an exchange is asked: counter.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from pipelines.errors import VenueRefused
from pipelines.market.aliases import Span, own_span, require_listed
from pipelines.market.schemas import EVIDENCE, FIRST_SEEN
from pipelines.market.symbols import Market
from pipelines.market.venue_settings import Rename
from pipelines.settings import SymbolSettings, Universe
from resources.sources.source import Delivery
from resources.venues.counter import Counter
from resources.venues.exchange import market_of, speaking


@dataclass(frozen=True)
class Name:
    """What the settings know of a symbol's life."""

    symbol: SymbolSettings
    expected: Span  # of bars, cut at a delisting
    renames: tuple[Rename, ...]

    @classmethod
    def of(cls, symbol: str, universe: Universe, renames: tuple[Rename, ...]) -> "Name":
        """What is known of a symbol of the universe."""
        return cls(universe.of(symbol), universe.expected_span(symbol), renames)

    @property
    def ended(self) -> bool:
        """Whether it has an end at all."""
        return self.symbol.delisted is not None or any(
            rename.symbol == self.symbol.symbol for rename in self.renames
        )


def candles_of(
    name: Name,
    counter: Counter,
    market: Market,
    timeframe: str,
    spans: Sequence[Span],
    held: bool,
    now: datetime,
    newest: datetime | None = None,
) -> Delivery:
    """The delivery of the symbol's own part of the spans, with a sentence where it ends.

    `held`: candles of it are stored; `newest`: open time of the newest of them. Raises MissingData when no bar of the
    universe can be its own, and the VenueError tree; a symbol that is known to have ended and is not listed any more
    is no error.
    """
    said = require_listed(market.symbol, name.expected, name.renames)
    mine = [own for span in spans if (own := own_span(market.symbol, span, name.renames)) is not None]
    if not mine:
        return Delivery(pl.DataFrame(schema=FIRST_SEEN), notes=said)
    rebuild = str(market) == name.symbol.primary
    old_list = bool(counter.exchange.markets)
    try:
        found = counter.candles(
            market, timeframe, mine, name.symbol.calendar, held=held, newest=newest, rebuild=rebuild
        )
    except VenueRefused:
        if not _is_missing(counter, market, old_list):
            raise
        if not name.ended:
            market_of(counter.exchange, market.symbol, held)  # raises, naming the nearest
        return _vanished(market, mine, said, now)
    if name.symbol.delisted is None and _is_inactive(counter, market):
        said = (*said, _inactive(market))
    return replace(found, notes=(*said, *found.notes))


def _is_missing(counter: Counter, market: Market, old_list: bool) -> bool:
    """Whether the venue's list does not name the market; one from before the refusal is asked for anew."""
    if old_list:
        with speaking(market.venue):
            counter.exchange.load_markets(True)
    listed = counter.exchange.markets
    return bool(listed) and counter.settings.name_of(market.symbol) not in listed


def _is_inactive(counter: Counter, market: Market) -> bool:
    """Whether the list says that the market is not traded any more (F26)."""
    listed = counter.exchange.markets or {}
    return listed.get(counter.settings.name_of(market.symbol), {}).get("active") is False


def _vanished(market: Market, spans: Sequence[Span], said: tuple[str, ...], now: datetime) -> Delivery:
    """What is left to say of a symbol that the settings know to have ended and the venue no longer lists."""
    gone = (
        f"{market.venue} no longer lists {market.symbol}, which ended: its candles are kept as they are, and what is "
        "missing of them stays unknown"
    )
    rows = [(*span, "unknown", gone, now) for span in spans]
    evidence = pl.DataFrame(rows, schema=EVIDENCE, orient="row")
    return Delivery(pl.DataFrame(schema=FIRST_SEEN), notes=(*said, gone), evidence=evidence)


def _inactive(market: Market) -> str:
    return (
        f"{market.venue} says that {market.symbol} is not traded any more: if it ended for good, name its first day "
        "without trading as `delisted` of the symbol in universe.symbols"
    )
