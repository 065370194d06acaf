"""One request being answered: who asks what, what time it is at the venue, and rows after the faults that touch them.

The formats are the venues' modules; the faults are faults*.py.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.venue.book import Level, ladder, recorded
from tests.venue.data import VenueData
from tests.venue.faults import Playing
from tests.venue.tables import Bar, Candles, Print, Trades
from tests.venue.wire import Seen, moment


@dataclass
class Span:
    """Which candles or trades are to be served: indexes [low, high) of those that exist, [0, top)."""

    low: int
    high: int
    top: int


@dataclass
class Call:
    """One request with everything needed to answer it."""

    seen: Seen
    data: VenueData
    playing: Playing
    now_ns: int
    key: str | None
    """The Tardis key that is accepted; None: any."""
    taken: dict[int, bool] = field(default_factory=dict)

    @property
    def now_ms(self) -> int:
        """The venue's time in milliseconds."""
        return self.now_ns // 1_000_000

    @property
    def now(self) -> datetime:
        """The venue's time."""
        return datetime.fromtimestamp(self.now_ns / 1e9, UTC)

    def apply(self, stage: str, value: Any, symbol: str | None = None, *rest: Any) -> Any:
        """The value after the faults of a stage."""
        return self.playing.apply(stage, self.seen, self.taken, value, symbol, *rest)

    def stamp(self, nanoseconds: int, digits: int) -> str:
        """A moment as ISO text."""
        return self.apply("stamp", moment(nanoseconds, digits), None, nanoseconds, digits)

    def symbols(self) -> list[str]:
        """Symbols that this venue lists now."""
        return self.apply("symbols", self.data.symbols(self.seen.venue), None, self.now_ms)

    def status(self, symbol: str) -> str:
        """`online` or `delisted`."""
        return self.apply("status", "online", symbol, self.now_ms)

    def source_of(self, symbol: str) -> str | None:
        """The symbol whose data is served under this name; None when the venue does not know it."""
        known = self.data.symbols(self.seen.venue)
        return self.apply("source", symbol if symbol in known else None, None, symbol, self.now_ms)

    def candles(self, symbol: str, timeframe: str) -> Candles | None:
        """The candles of a symbol, as given."""
        source = self.source_of(symbol)
        return None if source is None else self.data.series.get((self.seen.venue, source, timeframe))

    def bars(
        self,
        series: Candles | None,
        symbol: str,
        start: float,
        end: float,
        *,
        depth: int | None = None,
        newest: int | None = None,
        open_too: bool = True,
    ) -> list[Bar]:
        """Candles that open in [start, end) ms and exist by now: at most the `newest`, of the newest `depth` of all."""
        if series is None:
            return []
        open_too = self.apply("open", open_too, symbol)
        last = series.index(self.now_ms + 1 if open_too else self.now_ms - series.step + 1)
        span = Span(series.index(start), min(series.index(end), last), last)
        if depth is not None:
            span.low = max(span.low, last - depth)
        if newest is not None:
            span.low = max(span.low, span.high - newest)
        span = self.apply("span", span, symbol, series)
        rows = [self._partial(bar, series.step) for bar in series.rows(span.low, span.high)]
        return self.apply("bars", rows, symbol, series, self.now_ms)

    def _partial(self, bar: Bar, step: int) -> Bar:
        """A candle that is still open, as far as it has come: deterministic, never the final values."""
        if bar.time + step <= self.now_ms or not all(_plain(x) for x in bar[1:]):
            return bar
        share = (self.now_ms - bar.time) / step
        opening, high, low, close, volume = (float(x or 0) for x in bar[1:])
        sofar = _like(opening + (close - opening) * share, bar.close)
        top, bottom = max(opening, float(sofar)), min(opening, float(sofar))
        return Bar(
            bar.time,
            bar.open,
            _like(top + (high - top) * share, bar.high),
            _like(bottom + (low - bottom) * share, bar.low),
            sofar,
            _like(volume * share, bar.volume),
        )

    def _latest(self, series: Candles | None) -> Bar | None:
        """The newest candle as far as it has come."""
        rows = series.rows((index := series.index(self.now_ms + 1)) - 1, index) if series is not None else []
        return self._partial(rows[0], series.step) if series is not None and rows else None

    def prints(self, symbol: str) -> Trades | None:
        """The trades of a symbol, as given or derived."""
        source = self.source_of(symbol)
        return None if source is None else self.data.prints.get((self.seen.venue, source))

    def trades(
        self,
        trades: Trades | None,
        symbol: str,
        low: int,
        high: int,
        oldest: int | None = None,
        newest: int | None = None,
    ) -> list[Print]:
        """Trades with index [low, high) that have happened by now: at most the oldest or the newest so many."""
        if trades is None:
            return []
        last = trades.index(self.now_ns + 1)
        high = min(high, last)
        if oldest is not None:
            high = min(high, low + oldest)
        if newest is not None:
            low = max(low, high - newest)
        return self.apply("trades", trades.rows(low, high), symbol, trades, self.now_ms)

    def book(self, symbol: str, levels: int) -> tuple[list[Level], list[Level], int] | None:
        """Bids and asks, best first, and their moment in ns; None for a symbol without any price."""
        source = self.source_of(symbol)
        frame = self.data.books.get((self.seen.venue, source or ""))
        found = recorded(frame, self.now, levels) if frame is not None else None
        if found is None and source is not None:
            keys = [key for key in self.data.series if key[:2] == (self.seen.venue, source)]
            finest = min((self.data.series[key] for key in keys), key=lambda each: each.step, default=None)
            last = self._latest(finest)
            found = ladder(last, self.now_ns, levels) if last else None
        return found if found is None else self.apply("book", found, symbol)


def _plain(text: str | None) -> bool:
    return text is not None and text.replace(".", "", 1).isdigit()


def _like(value: float, text: str | None) -> str:
    """A value with as many decimals as a text has."""
    return f"{value:.{len((text or '').partition('.')[2])}f}"
