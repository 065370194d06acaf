"""How settings declare venues: which exchanges and tick archives may be asked, under which names and limits.

Asking them is resources/venues and resources/tardis; what a venue's API does by convention is venues.py.
Keys and passwords are never settings: they come from the environment (resources/environment.py).
"""

from dataclasses import dataclass, field
from datetime import date

from pipelines.errors import BadSettings
from pipelines.market.symbols import Market, check_symbol

ENGINES = ("tardis-dev", "tardis-client")
BOOKS = ("book_snapshot_25", "book_snapshot_5", "incremental_book_L2")
REFUSED: dict[str, tuple[str, ...]] = {
    "CA": ("binance", "binanceusdm", "binancecoinm", "binance-futures", "binance-delivery")
}
"""Venues that may not be asked from a region, by name; a setting of the same name replaces this table."""


@dataclass(frozen=True)
class ExchangeSettings:
    """One exchange that ccxt speaks to; raises BadSettings for what cannot mean anything."""

    venue: str
    """Our name, as in `venue.SYMBOL`."""
    ccxt: str = ""
    """The id in ccxt; the venue's name when left out."""
    base_url: str = ""
    """Another server that speaks the exchange's format, e.g. a local one; the exchange's own when left out."""
    requests_per_second: float | None = None
    """Below the published limit; the venue's convention when left out."""
    symbols: dict[str, str] = field(default_factory=dict)
    """Our symbol → ccxt's (`BTC-USDC` → `BTC/USDC:USDC`) where it is not simply BASE/QUOTE."""
    timeout: float = 10.0
    """Seconds."""
    trades: bool = False
    """True: its public trades, day by day, are ticks too; false: they are asked only to rebuild missing candles."""
    wallets: tuple[str, ...] = ()
    """Hyperliquid only: the wallets whose fills are followed."""

    def __post_init__(self) -> None:
        for symbol in self.symbols:
            check_symbol(symbol)
        if self.wallets and self.id != "hyperliquid":
            raise BadSettings(
                f"exchange {self.venue!r} names wallets: expected them only for hyperliquid, the one venue that "
                "publishes fills by wallet; remove them."
            )
        if self.requests_per_second is not None and self.requests_per_second <= 0:
            raise BadSettings(
                f"exchange {self.venue!r} has requests_per_second {self.requests_per_second}: expected above 0."
            )

    @property
    def id(self) -> str:
        """The id in ccxt."""
        return self.ccxt or self.venue

    def name_of(self, symbol: str) -> str:
        """The name in ccxt of our symbol."""
        return self.symbols.get(symbol, symbol.replace("-", "/"))


@dataclass(frozen=True)
class TardisSettings:
    """The tick archive; the key comes from TARDIS_API_KEY, and without one only first days of months are served."""

    engine: str = "tardis-dev"
    """One of ENGINES: who fetches; what is checked afterwards is the same."""
    api_url: str = "https://api.tardis.dev/v1"
    datasets_url: str = "https://datasets.tardis.dev/v1"
    book: str = "book_snapshot_25"
    """One of BOOKS: which dataset makes `order_book`."""
    replay: bool = False
    """True: raw messages over the replay API instead of daily files."""
    markets: dict[str, str] = field(default_factory=dict)
    """Our market → Tardis' exchange and symbol: `binance-futures.BTC-USDT` → `binance-futures:BTCUSDT`."""

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise BadSettings(
                f"source.venues.tardis.engine is {self.engine!r}: expected one of {', '.join(ENGINES)}."
            )
        if self.book not in BOOKS:
            raise BadSettings(
                f"source.venues.tardis.book is {self.book!r}: expected one of {', '.join(BOOKS)}."
            )
        for market, name in self.markets.items():
            Market.parse(market)
            if name.count(":") < 1:
                raise BadSettings(
                    f"source.venues.tardis.markets: {market} is {name!r}, expected exchange:SYMBOL like "
                    "binance-futures:BTCUSDT; correct it."
                )

    def name_of(self, market: Market) -> tuple[str, str] | None:
        """Tardis' exchange and symbol of a market, or None when the archive is not asked for it."""
        found = self.markets.get(str(market))
        if found is None:
            return None
        exchange, _, symbol = found.partition(":")
        return exchange, symbol


@dataclass(frozen=True)
class Rename:
    """A symbol that ended and goes on under another name; never joined unless `joined` says so (F25)."""

    symbol: str
    ended: date
    continues_as: str
    ratio: float = 1.0
    """New units for one old unit."""
    joined: bool = False


@dataclass(frozen=True)
class VenuesConfig:
    """Every venue that may be asked, and from where."""

    exchanges: tuple[ExchangeSettings, ...] = ()
    tardis: TardisSettings | None = None
    region: str = ""
    """ISO country code of whoever runs this; venues refused there are refused by name before any request."""
    refused: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(REFUSED))
    renames: tuple[Rename, ...] = ()
    recheck_bars: int = 5
    """Newest stored candles that every run asks for again: venues revise them after their close (F12)."""

    def __post_init__(self) -> None:
        names = [exchange.venue for exchange in self.exchanges]
        if len(set(names)) < len(names):
            raise BadSettings(f"source.venues.exchanges names a venue twice: {', '.join(names)}; remove one.")
        for exchange in self.exchanges:
            self.require_allowed(exchange.venue)
            self.require_allowed(exchange.id)
        for name in self.tardis.markets.values() if self.tardis else ():
            self.require_allowed(name.partition(":")[0])

    def require_allowed(self, venue: str) -> None:
        """Raise BadSettings when the region refuses this venue."""
        if venue in self.refused.get(self.region, ()):
            raise BadSettings(
                f"venue {venue!r} is refused in region {self.region!r} (source.venues.refused): expected another "
                "venue; remove its markets or correct the region."
            )

    def exchange(self, venue: str) -> ExchangeSettings | None:
        """The settings of a venue, or None when it is not declared."""
        return next((exchange for exchange in self.exchanges if exchange.venue == venue), None)
