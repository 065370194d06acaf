"""The real clients, pointed at the venue; nothing of ours is used, and nothing in them is replaced but addresses."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import ccxt

from tests.venue import Venue, VenueData, synthetic_candles

START = datetime(2025, 1, 1, tzinfo=UTC)
BARS = 6000
NOW = START + timedelta(minutes=BARS - 100, seconds=30)
"""The bar that opens 30 seconds before is open; a hundred more are in the data but not in the world yet."""
MINUTE = 60_000
SINCE = int(START.timestamp() * 1000)
NAMES = {"coinbase": "BTC/USD", "kraken": "BTC/USD", "hyperliquid": "BTC/USDC:USDC", "alpaca": "BTC/USD"}
WALLET = "0x" + "ab" * 20


def candles() -> Any:
    """Six thousand minutes; every hundredth without a trade."""
    import polars as pl

    number = pl.int_range(pl.len())
    return synthetic_candles(START, BARS).with_columns(
        pl.when(number % 100 == 50).then(0.0).otherwise(pl.col("volume")).alias("volume")
    )


def data(**more: Any) -> VenueData:
    """One market on all four venues."""
    return VenueData(candles={("any", "BTC-USD", "1m"): candles()}, derive_trades=True, **more)


def client(venue: Venue, name: str, **options: Any) -> Any:
    """The plain ccxt client of a venue; its limiter is off, as the server is local."""
    keys = {"apiKey": "key", "secret": "secret"} if name == "alpaca" else {}
    exchange = getattr(ccxt, name)({"enableRateLimit": False, **keys, **options})
    exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], f"{venue.url}/{name}")
    return exchange


def fetch(exchange: Any, name: str, minutes: int, first: int = 0) -> list[list[float]]:
    """Candles of [first, first + minutes) through the client, however it wants to be asked."""
    since = SINCE + first * MINUTE
    params = {} if name == "kraken" else {"until": since + (minutes - 1) * MINUTE}
    rows: list[list[float]] = exchange.fetch_ohlcv(
        NAMES[name], "1m", since=since, limit=minutes, params=params
    )
    return rows


def gathered(stream: Any) -> list[Any]:
    """Everything an asynchronous stream yields."""

    async def collect() -> list[Any]:
        return [item async for item in stream]

    return asyncio.run(collect())
