"""Made-up trades with consecutive ids for the test venue, and asking for them as the source does."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipelines.market.schemas import TRADES
from pipelines.market.symbols import Market
from resources.sources.source import Delivery
from resources.venues.trades import fetch_trades
from tests.resources.venues.fetching import START, Fetching
from tests.venue import Venue, VenueData

SPAN = (START, START + timedelta(hours=3))
CLOSED = START + timedelta(days=1)


def tape(count: int, seconds: float = 3 * 3600, seed: int = 7, start: datetime = START) -> pl.DataFrame:
    """Trades in time order, a fifth of them sharing the stamp of the one before."""
    draw = np.random.default_rng(seed)
    gaps = draw.exponential(1.0, count) * (draw.random(count) > 0.2)
    micros = np.minimum(np.cumsum(gaps) / max(gaps.sum(), 1e-9) * seconds * 1e6, seconds * 1e6 - 1)
    price = np.round(60_000 * np.exp(np.cumsum(draw.normal(0, 1e-5, count))), 2)
    return (
        pl.DataFrame(
            {
                "time": pl.Series(micros.astype(np.int64) + round(start.timestamp() * 1e6)).cast(
                    TRADES["time"]
                ),
                "local_time": pl.Series([None] * count, dtype=TRADES["local_time"]),
                "id": np.arange(count, dtype=np.int64) + 900_001,
                "side": draw.choice(np.array([1, -1], np.int8), count),
                "price": price,
                "amount": np.round(draw.exponential(0.1, count) + 1e-5, 5),
            },
            schema=TRADES,
        )
        if count
        else pl.DataFrame(schema=TRADES)
    )


def serving(trades: pl.DataFrame) -> VenueData:
    """The trades on the three venues that have public ones."""
    return VenueData(trades={(venue, "BTC-USD"): trades for venue in ("coinbase", "kraken", "alpaca")})


def ask(
    server: Venue,
    venue: str,
    folder: Path,
    span: tuple[datetime, datetime] = SPAN,
    told: list[Any] | None = None,
) -> Delivery:
    """TRADES of BTC-USD as the source asks for them."""
    asking = Fetching(server, venue, folder)
    exchange, transport = asking.open()
    try:
        tell = (lambda what, share: told.append((what, share))) if told is not None else (lambda *_: None)
        return fetch_trades(Market(venue, "BTC-USD"), span, exchange, transport, tell)
    finally:
        transport.close()
