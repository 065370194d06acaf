"""Ticks of the Tardis archive by UTC day of exchange time. Fetching and verifying its files is resources/tardis.

The archive splits its files by the recorder's local time, so a day of exchange time is read from the files of the
day before, the day itself and the day after.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl

from pipelines.errors import MissingData
from pipelines.market.file_entry import FileEntry
from pipelines.market.schemas import EVIDENCE, ORDER_BOOK
from pipelines.market.symbols import Market
from pipelines.market.tardis.books import BookBuilder
from pipelines.market.tardis.rebuilding import rebuild
from pipelines.market.tardis.stream import stream
from pipelines.market.venue_settings import TardisSettings
from resources.clock import Clock
from resources.progress import Progress
from resources.sources.files import FilesSource
from resources.sources.source import Delivery
from resources.tardis import Archive

DAY = timedelta(days=1)
AROUND = (-1, 0, 1)
"""Files beside a day's own that may hold its events: a recorder's clock runs late, or behind."""


class TickArchive:
    """Trades, books and outages of the markets that the settings name."""

    def __init__(
        self, settings: TardisSettings, cache: Path, clock: Clock, progress: Progress, key: str | None
    ) -> None:
        """`cache`: folder of verified files; `key`: TARDIS_API_KEY, without which few days are served."""
        self.settings, self.cache, self.clock, self.progress = settings, cache, clock, progress
        self.archive = Archive(settings, key, cache, clock, progress.say)
        self._incidents: dict[str, pl.DataFrame] = {}

    def holds(self, market: Market) -> bool:
        """Whether the settings name this market."""
        return self.settings.name_of(market) is not None

    def trades(self, market: Market, day: date) -> Delivery:
        """TRADES of a day; raises MissingData when the archive has no file of it."""
        missing = self._fetch(market, day, "trades")
        return self._told(market, day, self._files(market).trades(market, day), missing)

    def order_book(self, market: Market, day: date) -> Delivery:
        """ORDER_BOOK of a day, from snapshots or rebuilt from increments; raises as `trades` does."""
        missing = self._fetch(market, day, self.settings.book)
        if self.settings.book == "incremental_book_L2":
            return self._told(market, day, self._rebuilt(market, day), missing)
        return self._told(market, day, self._files(market).order_book(market, day), missing)
