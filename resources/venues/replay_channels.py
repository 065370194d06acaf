"""Which channels of an exchange are replayed for its trades and its books. What they say is pipelines/market/native.

Names are the archive's (docs.tardis.dev, historical data details): of several ways an exchange has had, the first one
that the archive says it recorded is asked for.
"""

from collections.abc import Mapping, Sequence, Set

from pipelines.errors import MissingData, UnknownName
from resources.tardis.engines import Channel

Ways = tuple[tuple[str, ...], ...]
TRADES: Mapping[str, Ways] = {
    "binance-futures": (("trade",), ("aggTrade",)),
    "bybit": (("publicTrade",),),
    "coinbase": (("match",), ("market_trades",)),
    "deribit": (("trades",),),
    "hyperliquid": (("trades",),),
    "kraken": (("trade",),),
}
BOOKS: Mapping[str, Ways] = {
    "binance-futures": (("depth", "depthSnapshot"),),
    "bybit": (("orderbook.500",), ("orderbook.1000",), ("orderbook.200",), ("orderbook.50",)),
    "coinbase": (("snapshot", "l2update"), ("l2_data",)),
    "deribit": (("book",),),
    "hyperliquid": (("l2Book",),),
    "kraken": (("book",),),
}
LOWER = ("binance-futures",)
"""Exchanges whose channels name symbols in small letters."""
WHOLE_CONNECTION = ("l2_data",)
"""Channels whose messages are numbered together with all others of the connection: only all of them show a gap."""


def channels_of(
    ways: Mapping[str, Ways], exchange: str, symbol: str, available: Set[str]
) -> Sequence[Channel]:
    """What to ask for; nothing in particular means every message.

    Raises UnknownName for an exchange whose messages nobody here reads, MissingData when the archive has none of them.
    """
    if exchange not in ways:
        raise UnknownName(
            f"exchange {exchange!r} cannot be replayed here: expected one of {', '.join(ways)}; set "
            "source.venues.tardis.replay = false to read its daily files."
        )
    names = next((way for way in ways[exchange] if available & set(way)), ())
    if not names:
        known = " or ".join(name for way in ways[exchange] for name in way)
        there = ", ".join(sorted(available)) or "none"
        raise MissingData(
            f"the archive has no channel of {exchange} that can be replayed here: expected {known}, found "
            f"{there}; set source.venues.tardis.replay = false to read its daily files."
        )
    if set(names) & set(WHOLE_CONNECTION):
        return ()
    asked = symbol.lower() if exchange in LOWER else symbol
    return tuple(Channel(name, (asked,)) for name in names if name in available)
