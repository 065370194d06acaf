"""The interface of every source of market data. No source lives here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol, runtime_checkable

import polars as pl

from pipelines.market.rows import QUARANTINE
from pipelines.market.schemas import EVIDENCE
from pipelines.market.symbols import Market


@dataclass(frozen=True)
class Delivery:
    """What a source gave for one request: each row it had is accepted, quarantined or a duplicate."""

    frame: pl.DataFrame  # TRADES, ORDER_BOOK, CANDLES, or FIRST_SEEN candles of a venue, sorted by time
    quarantine: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=QUARANTINE))
    notes: tuple[str, ...] = ()  # sentences for whoever reads the asset's metadata
    check_local_time: bool = True  # False when the recorder's clock cannot judge lateness
    duplicates: int = 0  # rows dropped because they repeat another one exactly
    evidence: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema=EVIDENCE)
    )  # spans without a candle
    crossed: int | None = (
        None  # book states left out because they were crossed or locked; None: none is left out
    )

    @property
    def sent(self) -> int:
        """Rows that the source held for the request."""
        return self.frame.height + self.quarantine.height + self.duplicates


class Source(Protocol):
    """Market data by day (ticks) or span (candles, funding); times UTC, spans half-open.

    Every method raises MissingData when the source has nothing for the request and BadData when what it has
    cannot be believed; then nothing is returned.
    """

    def trades(self, market: Market, day: date) -> Delivery:
        """TRADES of one UTC day of exchange time."""
        ...

    def order_book(self, market: Market, day: date) -> Delivery:
        """ORDER_BOOK snapshots of one UTC day of exchange time."""
        ...

    def candles(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Delivery:
        """CANDLES that open in [start, end)."""
        ...

    def second_candles(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Delivery | None:
        """Candles of the symbol's second market in [start, end), or None when it has none."""
        ...

    def fills(self, symbol: str, start: datetime, end: datetime) -> Delivery | None:
        """FILLS by wallet in [start, end), or None when the source has none of the symbol."""
        ...

    def funding(self, symbol: str, start: datetime, end: datetime) -> pl.DataFrame | None:
        """FUNDING settled in [start, end), or None when the source has no funding of the symbol."""
        ...

    def tick_days(self, market: Market) -> list[date]:
        """UTC days for which the source has trades of a market, ascending; empty when it has none."""
        ...

    def book_days(self, market: Market) -> list[date]:
        """UTC days for which the source has order-book snapshots of a market, ascending; empty when it has none."""
        ...

    def has_candles(self, symbol: str, timeframe: str) -> bool:
        """Whether the source has candles of its own for this symbol and timeframe."""
        ...

    def has_funding(self, symbol: str) -> bool:
        """Whether the source has settled funding of this symbol."""
        ...

    def has_fills(self, symbol: str) -> bool:
        """Whether the source has fills by wallet of this symbol."""
        ...

    def candle_market(self, symbol: str, timeframe: str) -> Market | None:
        """The market the candles come from, or None when there are none or it is not said."""
        ...

    def check(self) -> None:
        """Raise MissingData or BadData when something declared is not there; reads no row."""
        ...

    def describe(self) -> dict[str, Any]:
        """What the source is and holds, JSON-able; `ignored` lists files that no entry claims."""
        ...


@runtime_checkable
class Incremental(Protocol):
    """A source to which every question is a request: it is asked only for what is not stored yet.

    What it said first stays (FIRST_SEEN); what it says later is a revision.
    """

    @property
    def recheck_bars(self) -> int:
        """How many of the newest stored candles are asked for again, because venues revise them."""
        ...

    def candles_in(
        self,
        market: Market,
        timeframe: str,
        spans: Sequence[tuple[datetime, datetime]],
        held: bool = False,
        newest: datetime | None = None,
    ) -> Delivery:
        """FIRST_SEEN candles that open in the spans, and EVIDENCE about the rest of them.

        `held`: candles of the market are stored, so that one the venue no longer lists has ended; `newest`: open time
        of the newest of them, so that an outage of the venue is not said of older bars. None: none is stored.
        """
        ...

    def committed(self, market: Market, timeframe: str) -> None:
        """What was delivered is in the lake: pages that were kept for a resumed run may go."""
        ...
