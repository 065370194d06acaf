"""One road from a venue to features for every fault test: real client, real assets, a lake in a temporary folder."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipelines.market.coverage import totals
from tests.assets.world import REST, World, metadata, why
from tests.venue import Venue

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOW = START + timedelta(days=1, seconds=30)
"""The venue's clock: half a minute after the day of the tests ended."""


class Road:
    """The market part of a world whose venues are all served by one Venue."""

    def __init__(
        self, venue: Venue, root: Path, instance: dg.DagsterInstance, universe: str, source: str
    ) -> None:
        self.venue = venue
        self.world = World(
            root, instance, universe + source + REST.replace("BTC-USD", _first_symbol(universe))
        )
        self.lake = self.world.lake
        self.runs: list[dg.ExecuteInProcessResult] = []

    def ingest(self, symbol: str = "BTC-USD", timeframe: str = "1m") -> dg.ExecuteInProcessResult:
        """One run of `ingest_candles`; a failed run is returned, not raised."""
        self.runs.append(self.world.run("ingest_candles", f"{symbol}|{timeframe}"))
        return self.runs[-1]

    def build(self, symbol: str = "BTC-USD", timeframe: str = "1m") -> dg.ExecuteInProcessResult:
        """One run of `build_bars_and_features`: bars, their quality, features."""
        self.runs.append(self.world.run("build_bars_and_features", f"{symbol}|{timeframe}"))
        return self.runs[-1]

    def table(self, name: str, symbol: str = "BTC-USD", timeframe: str = "1m") -> pl.DataFrame:
        """A stored table of a symbol and timeframe; empty when it was never written."""
        keys = {"symbol": symbol, "timeframe": timeframe}
        return self.lake.read(name, keys) if self.lake.exists(name, keys) else pl.DataFrame()

    def totals(self, symbol: str = "BTC-USD", timeframe: str = "1m") -> dict[str, int]:
        """Bars by kind of the stored ledger."""
        return totals(self.table("coverage", symbol, timeframe))

    def notes(self, asset: str = "candles") -> str:
        """What the last run said about an asset, or why it failed."""
        run = self.runs[-1]
        return str(metadata(run, asset).get("notes", "")) if run.success else why(run)


def _first_symbol(universe: str) -> str:
    return universe.partition('symbol = "')[2].partition('"')[0] or "BTC-USD"


def universe_of(
    *markets: str,
    start: str = "2026-03-01",
    end: str = "2026-03-02",
    timeframes: str = '["1m"]',
    more: str = "",
) -> str:
    """[universe] of these primary markets; `more` goes into the last symbol's table."""
    windows = '["seq300"]' if '"1m"' in timeframes else "[]"
    text = f"[universe]\nstart = {start}\nend = {end}\ntimeframes = {timeframes}\nwindows = {windows}\n"
    for market in markets:
        text += f'[[universe.symbols]]\nsymbol = "{market.partition(".")[2]}"\nprimary = "{market}"\n'
    return text + more + "\n"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def road(tmp_path: Path, instance: dg.DagsterInstance) -> Callable[..., Road]:
    """`road(venue, universe)` → Road; `source` replaces the settings that the venue prints."""

    def opened(
        venue: Venue, universe: str = universe_of("coinbase.BTC-USD"), source: str | None = None
    ) -> Road:
        return Road(venue, tmp_path, instance, universe, source or venue.source_settings())

    return opened
