"""What the venue serves: candles, trades, funding, fills, books and files, as given; nothing is resampled.

Candles and trades may carry String columns where the exact text on the wire matters. Reading a folder of
unknown files is guess.py; rendering into a venue's format is that venue's module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from tests.venue.captures import Line, Tape, read_captures
from tests.venue.names import named, tardis_name
from tests.venue.tables import Candles, Trades, derived

EXCHANGES = ("coinbase", "kraken", "hyperliquid", "alpaca")
ANY = "any"


@dataclass
class VenueData:
    """Everything one venue server serves; keys name venue (one of EXCHANGES or `any`), symbol and timeframe."""

    candles: Mapping[tuple[str, str, str], pl.DataFrame] = field(default_factory=dict)
    """`open_time` (ms or us), `open`, `high`, `low`, `close`, `volume`; numbers or text."""
    trades: Mapping[tuple[str, str], pl.DataFrame] = field(default_factory=dict)
    """Columns of pipelines.market.schemas.TRADES; `local_time` is not used."""
    funding: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """By coin (`BTC`): `time`, `funding_rate` and, where known, `premium`."""
    fills: Mapping[str, Sequence[Mapping[str, object]]] = field(default_factory=dict)
    """By wallet: fills in Hyperliquid's own form (`coin, px, sz, side, time, tid, ...`)."""
    books: Mapping[tuple[str, str], pl.DataFrame] = field(default_factory=dict)
    """Columns of ORDER_BOOK; where none is given, a ladder around the last close is served."""
    stocks: Mapping[tuple[str, str], pl.DataFrame] = field(default_factory=dict)
    """By (`AAPL`, timeframe): candles for Alpaca's stock bars."""
    tardis_files: Sequence[Path] | Mapping[tuple[str, str, str, str], bytes | Path] = ()
    """Paths named `{exchange}_{type}_{date}_{symbol}.csv.gz`, or bytes by (exchange, type, date, symbol)."""
    captures: Sequence[Path] | Mapping[str, Sequence[tuple[int, bytes] | Line]] = ()
    """Raw captures for the replay API, or by exchange lists of (local ns, message)."""
    incidents: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    """By Tardis exchange: incident reports `{from, to, status, details}`."""
    derive_trades: bool = False
    """True: a market without trades gets four per candle (open, low, high, close; a quarter of the volume each)."""

    def __post_init__(self) -> None:
        for venue, *_ in [*self.candles, *self.trades, *self.books]:
            if venue not in (*EXCHANGES, ANY):
                raise ValueError(
                    f"venue {venue!r} is not served: expected one of {', '.join((*EXCHANGES, ANY))}"
                )

    @cached_property
    def series(self) -> dict[tuple[str, str, str], Candles]:
        """Candles by venue, the venue's own symbol and timeframe; `any` is on all four that have none of their own."""
        found: dict[tuple[str, str, str], Candles] = {}
        own_first = sorted(self.candles.items(), key=lambda item: item[0][0] == ANY)
        for (venue, symbol, timeframe), frame in own_first:
            candles = Candles(frame, timeframe)
            for each in EXCHANGES if venue == ANY else (venue,):
                found.setdefault((each, named(each, symbol), timeframe), candles)
        return found

    @cached_property
    def prints(self) -> dict[tuple[str, str], Trades]:
        """Trades by venue and symbol; derived ones where they were asked for."""
        found: dict[tuple[str, str], Trades] = {}
        for (venue, symbol), frame in sorted(self.trades.items(), key=lambda item: item[0][0] == ANY):
            trades = Trades(frame)
            for each in EXCHANGES if venue == ANY else (venue,):
                found.setdefault((each, named(each, symbol)), trades)
        if self.derive_trades:
            ordered = sorted(self.series.items(), key=lambda item: item[1].step)
            for (venue, symbol, _), candles in ordered:
                if (venue, symbol) not in found:
                    found[venue, symbol] = derived(candles)
        return found

    @cached_property
    def shelf(self) -> dict[tuple[str, str, str, str], bytes | Path]:
        """Tardis files by exchange, type, date and symbol as the archive spells it in addresses."""
        if isinstance(self.tardis_files, Mapping):
            files = dict(self.tardis_files)
        else:
            files = {tardis_name(path.name): path for path in self.tardis_files}
        return {
            (ex, kind, day, sym.replace(":", "-").replace("/", "-").upper()): x
            for (ex, kind, day, sym), x in files.items()
        }

    @cached_property
    def tapes(self) -> dict[str, Tape]:
        """Raw messages by Tardis exchange."""
        return read_captures(self.captures)

    def same_bars(self, one: str, other: str, symbol: str) -> bool:
        """Whether two venues serve the very same candles of a symbol, in every timeframe that both have."""
        pairs = [
            (candles, self.series[other, name, timeframe])
            for (venue, name, timeframe), candles in self.series.items()
            if (venue, name) == (one, symbol) and (other, name, timeframe) in self.series
        ]
        return bool(pairs) and all(a is b or a.frame.equals(b.frame) for a, b in pairs)

    @cached_property
    def shares(self) -> dict[tuple[str, str], Candles]:
        """Stock candles by ticker and timeframe."""
        return {key: Candles(frame, key[1]) for key, frame in self.stocks.items()}

    def symbols(self, venue: str) -> list[str]:
        """Symbols that a venue lists, in order of appearance."""
        return self.listed[venue]

    @cached_property
    def listed(self) -> dict[str, list[str]]:
        """Symbols by venue."""
        keys = [*self.series, *self.prints, *((venue, named(venue, symbol)) for venue, symbol in self.books)]
        keys += [("hyperliquid", f"{coin}-USDC") for coin in self.funding]
        return {
            venue: list(dict.fromkeys(key[1] for key in keys if key[0] == venue))
            for venue in (*EXCHANGES, "")
        }
