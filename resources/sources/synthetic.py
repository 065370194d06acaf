"""The synthetic market as a source with a span. How it is generated is in pipelines/market/synthetic."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl

from pipelines.errors import BadSpan, MissingData
from pipelines.market import synthetic
from pipelines.market.symbols import Market
from pipelines.market.timeframes import GRACE, length_of, minutes_of
from resources.sources.source import Delivery

VENUE = "synthetic"
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


class SyntheticSource:
    """Ticks, candles and funding of the embedded market for the UTC days [start, end), up to the last closed minute."""

    def __init__(
        self,
        config: synthetic.SyntheticConfig,
        symbols: tuple[str, ...],
        start: date,
        end: date,
        now: datetime,
    ) -> None:
        """`now`: nothing after the last minute that closed before it is on offer. Raises BadSpan for an empty span."""
        if end <= start:
            raise BadSpan(
                f"synthetic span {start} to {end} is empty: expected an end after the start; correct it."
            )
        self.config, self.symbols, self.start, self.end = config, symbols, start, end
        self.closed = (now - GRACE).replace(second=0, microsecond=0)

    def trades(self, market: Market, day: date) -> Delivery:
        """Trades of one day; raises MissingData outside the span, or for a market that is not synthetic."""
        return self._ticks(synthetic.trades, market, day)

    def order_book(self, market: Market, day: date) -> Delivery:
        """Snapshots of one day; raises as trades does."""
        return self._ticks(synthetic.order_book, market, day)

    def candles(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Delivery:
        """Closed candles in [start, end) cut to the span; raises MissingData when nothing of it is left."""
        first, last = self._days(symbol, start, end)
        end = min(end, self.closed - length_of(timeframe) + MICROSECOND)
        found = _cut(synthetic.candles(self.config, symbol, first, last, timeframe), "open_time", start, end)
        if found.is_empty():
            raise self._missing(f"closed {timeframe} candles of {symbol} from {start:%Y-%m-%d %H:%M}")
        return Delivery(found)

    def funding(self, symbol: str, start: datetime, end: datetime) -> pl.DataFrame | None:
        """Hourly funding in [start, end) cut to the span; raises as candles does."""
        first, last = self._days(symbol, start, end)
        return _cut(synthetic.funding(self.config, symbol, first, last), "time", start, min(end, self.closed))

    def second_candles(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Delivery | None:
        """None: there is one synthetic market."""
        return None

    def fills(self, symbol: str, start: datetime, end: datetime) -> Delivery | None:
        """None: the synthetic market is anonymous."""
        return None

    def has_fills(self, symbol: str) -> bool:
        """False: the synthetic market is anonymous."""
        return False

    def tick_days(self, market: Market) -> list[date]:
        """All days of the span that have begun, for a synthetic market, else none."""
        if market.venue != VENUE or market.symbol not in self.symbols:
            return []
        days = (self.start + DAY * number for number in range((self.end - self.start).days))
        return [day for day in days if _midnight(day) < self.closed]

    def book_days(self, market: Market) -> list[date]:
        """The same days: every trade has a book around it."""
        return self.tick_days(market)

    def has_candles(self, symbol: str, timeframe: str) -> bool:
        """True for every timeframe of a symbol on offer."""
        return symbol in self.symbols and minutes_of(timeframe) > 0

    def has_funding(self, symbol: str) -> bool:
        """True for every symbol on offer."""
        return symbol in self.symbols

    def candle_market(self, symbol: str, timeframe: str) -> Market | None:
        """The synthetic market of a symbol on offer."""
        return Market(VENUE, symbol) if self.has_candles(symbol, timeframe) else None

    def check(self) -> None:
        """See Source: a generated market is always whole."""

    def describe(self) -> dict[str, Any]:
        """Config, symbols and span."""
        return {
            "source": VENUE,
            "symbols": list(self.symbols),
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            **asdict(self.config),
            "ignored": [],
        }

    def _ticks(
        self,
        generate: Callable[[synthetic.SyntheticConfig, str, date], pl.DataFrame],
        market: Market,
        day: date,
    ) -> Delivery:
        if day not in self.tick_days(market):
            raise self._missing(f"market {market} on {day}")
        midnight = _midnight(day)
        return Delivery(
            _cut(
                generate(self.config, market.symbol, day), "time", midnight, min(midnight + DAY, self.closed)
            )
        )

    def _days(self, symbol: str, start: datetime, end: datetime) -> tuple[date, date]:
        midnight = datetime.combine(end.astimezone(UTC).date(), time(), UTC)
        last = midnight.date() if midnight >= end else midnight.date() + DAY
        begun = (self.closed - MICROSECOND).date() + DAY
        first, last = max(start.astimezone(UTC).date(), self.start), min(last, self.end, begun)
        if symbol not in self.symbols or first >= last:
            raise self._missing(f"{symbol} from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}")
        return first, last

    def _missing(self, what: str) -> MissingData:
        return MissingData(
            f"the synthetic market has nothing for {what}: expected a symbol of {', '.join(self.symbols)} "
            "on venue "
            f"{VENUE} within {self.start} to {self.end} and before {self.closed:%Y-%m-%d %H:%M} UTC; ask for that, or "
            "change its span in the settings."
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _cut(frame: pl.DataFrame, time_name: str, start: datetime, end: datetime) -> pl.DataFrame:
    return frame.filter(pl.col(time_name).is_between(start, end, closed="left"))
