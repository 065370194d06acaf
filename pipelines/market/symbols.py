"""Identity of what is traded: symbols (`BTC-USD`) and markets (`coinbase.BTC-USD`). No data lives here."""

import re
from dataclasses import dataclass

from pipelines.errors import UnknownName

SYMBOL = re.compile(r"^[A-Z0-9]{1,15}-[A-Z0-9]{1,10}$")
"""Ours, not the venue's; safe in paths and in Dagster partition keys."""
VENUE = re.compile(r"^[a-z0-9][a-z0-9_-]{0,30}$")


def check_symbol(symbol: str) -> str:
    """The symbol itself; raises UnknownName when it is not BASE-QUOTE in capitals and digits."""
    if not SYMBOL.match(symbol):
        raise UnknownName(f"symbol {symbol!r} is not a symbol: expected BASE-QUOTE like BTC-USD; correct it.")
    return symbol


@dataclass(frozen=True, order=True)
class Market:
    """One symbol on one venue, spelled `venue.SYMBOL` everywhere."""

    venue: str
    symbol: str

    @classmethod
    def parse(cls, text: str) -> "Market":
        """Read `venue.SYMBOL`; raises UnknownName for anything else."""
        venue, dot, symbol = text.partition(".")
        if not dot or not VENUE.match(venue) or not SYMBOL.match(symbol):
            raise UnknownName(
                f"market {text!r} is not a market: expected venue.SYMBOL like coinbase.BTC-USD; correct it."
            )
        return cls(venue, symbol)

    def __str__(self) -> str:
        return f"{self.venue}.{self.symbol}"
