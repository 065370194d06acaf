"""Fetching candles from the test venue with the real ccxt classes, as the source does it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.market.schemas import CANDLES
from pipelines.market.symbols import Market
from pipelines.market.venue_settings import ExchangeSettings
from resources.clock import Clock
from resources.sources.source import Delivery
from resources.venues.candles import fetch_candles
from resources.venues.exchange import conventions_for, open_exchange
from resources.venues.gate import Gate
from resources.venues.pages import Spool
from resources.venues.transport import Transport
from tests.venue import Venue, VenueData, synthetic_candles

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SYMBOLS = {"coinbase": "BTC-USD", "kraken": "BTC-USD", "hyperliquid": "BTC-USDC", "alpaca": "BTC-USD"}
VENUES = tuple(SYMBOLS)


class Quick(Clock):
    """Real time, but waiting takes none of it."""

    def __init__(self) -> None:
        self.slept = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.slept)


def day_of(bars: int, start: datetime = START, **more: Any) -> pl.DataFrame:
    """Candles of a random walk, one a minute."""
    return synthetic_candles(start, bars, "1m", **more)


def data_of(candles: pl.DataFrame, timeframe: str = "1m", **more: Any) -> VenueData:
    """The candles on all four venues."""
    return VenueData(candles={("any", "BTC-USD", timeframe): candles}, **more)


@dataclass
class Fetching:
    """One venue of a running test server, asked as the source asks it."""

    server: Venue
    venue: str
    folder: Path
    told: list[str] = field(default_factory=list)
    clock: Quick = field(default_factory=Quick)

    @property
    def market(self) -> Market:
        return Market(self.venue, SYMBOLS.get(self.venue, "BTC-USD"))

    def open(self, **more: Any) -> tuple[Any, Transport]:
        settings = ExchangeSettings(
            self.venue,
            base_url=f"{self.server.url}/{self.venue}",
            symbols={"BTC-USDC": "BTC/USDC:USDC", "ETH-USDC": "ETH/USDC:USDC"},
            requests_per_second=1000.0,
            **more,
        )
        gate = Gate(self.folder / "gate", self.venue)
        transport = Transport(
            self.venue, gate, self.clock, self.told.append, requests_per_second=1000.0, timeout=5.0
        )
        return open_exchange(settings, transport, {"apiKey": "k" * 12, "secret": "s" * 12}), transport

    def fetch(
        self,
        spans: Sequence[tuple[datetime, datetime]],
        timeframe: str = "1m",
        market: Market | None = None,
        spool: Spool | None = None,
        **more: Any,
    ) -> Delivery:
        exchange, transport = self.open()
        try:
            return fetch_candles(
                market or self.market,
                timeframe,
                spans,
                exchange,
                transport,
                more.pop("conventions", None) or conventions_for(exchange),
                spool,
                self.server.now,
                lambda what, share: self.told.append(f"{share:.2f} {what}"),
                **more,
            )
        finally:
            transport.close()


def accounted(delivery: Delivery) -> dict[str, int]:
    """The numbers of the last note; fails when the rows that were answered do not add up."""
    numbers = [
        int(word.replace(",", ""))
        for word in delivery.notes[-1].split(": ", 1)[1].split()
        if word[0].isdigit()
    ]
    sent, kept, quarantined, repeats, unfinished, outside = numbers
    assert sent == kept + quarantined + repeats + unfinished + outside, delivery.notes[-1]
    assert (kept, quarantined, repeats) == (
        delivery.frame.filter(pl.col("origin") == "candle").height,
        delivery.quarantine.height,
        delivery.duplicates,
    )
    return {
        "sent": sent,
        "kept": kept,
        "quarantined": quarantined,
        "unfinished": unfinished,
        "outside": outside,
    }


def same_values(delivery: Delivery, candles: pl.DataFrame) -> None:
    """The delivered values are the served ones, to the last digit."""
    got = delivery.frame.select(*CANDLES)
    want = candles.select(*CANDLES).cast(dict(CANDLES)).sort("open_time")
    assert got.equals(want), f"{got.height} rows against {want.height}"


def bars_of(delivery: Delivery, length: timedelta = MINUTE) -> int:
    """Bars present plus bars of which the evidence speaks; fails when the two overlap."""
    spans = delivery.evidence.select("time", "end").rows()
    for start, end in spans:
        assert delivery.frame.filter(pl.col("open_time").is_between(start, end, closed="left")).is_empty()
    return delivery.frame.height + sum((end - start) // length for start, end in spans)
