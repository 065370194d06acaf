"""Ticks of the Tardis archive by UTC day of exchange time. Fetching and verifying its files is resources/tardis.

The archive splits its files and its replay by the recorder's local time, so a day of exchange time is read from the
day before, the day itself and the day after.
"""

import glob
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl

from pipelines.errors import MissingData, VenueRefused
from pipelines.market.file_entry import FileEntry
from pipelines.market.schemas import EVIDENCE
from pipelines.market.symbols import Market
from pipelines.market.venue_settings import TardisSettings
from resources.clock import Clock
from resources.progress import Progress
from resources.sources.files import FilesSource
from resources.sources.source import Delivery
from resources.tardis import Archive
from resources.tardis.incidents import Incidents
from resources.venues.rebuilt_day import rebuilt_day
from resources.venues.replayed_day import ReplayedDay

DAY = timedelta(days=1)
SNAPSHOTS = ("book_snapshot_5", "book_snapshot_25")
Span = tuple[datetime, datetime]


class TickArchive:
    """Trades, books and outages of the markets that the settings name."""

    def __init__(
        self, settings: TardisSettings, cache: Path, clock: Clock, progress: Progress, key: str | None
    ) -> None:
        """`cache`: folder of verified files; `key`: TARDIS_API_KEY, without which few days are served."""
        cache.mkdir(parents=True, exist_ok=True)
        self.settings, self.cache, self.clock, self.progress = settings, cache, clock, progress
        self.archive = Archive(settings, key, cache, clock, progress.say)
        self._replayed = ReplayedDay(self.archive, progress)
        self._outages: dict[str, Incidents] = {}

    def holds(self, market: Market) -> bool:
        """Whether the settings name this market."""
        return self.settings.name_of(market) is not None

    def days(self, market: Market, data_type: str, days: Sequence[date]) -> list[date]:
        """Those of `days` of which the archive says it has the market's files, or its messages where they are replayed.

        `data_type`: trades, or anything else for the books that the settings name.
        """
        kind = data_type if data_type == "trades" else self.settings.book
        return self.archive.days(*self._name(market), None if self.settings.replay else kind, days)

    def trades(self, market: Market, day: date) -> Delivery:
        """TRADES of a day; raises MissingData when the archive has nothing of it."""
        if self.settings.replay:
            return self._told(market, day, self._replayed.trades(*self._name(market), _span(day)))
        paths, notes = self._fetch(market, day, "trades")
        return self._told(market, day, self._files(market, "trades", paths).trades(market, day), notes)

    def order_book(self, market: Market, day: date) -> Delivery:
        """ORDER_BOOK of a day, from snapshots or rebuilt from increments; raises as `trades` does."""
        if self.settings.replay:
            return self._told(market, day, self._replayed.book(*self._name(market), _span(day)))
        kind = self.settings.book
        paths, notes = self._fetch(market, day, kind)
        if kind in SNAPSHOTS:
            found = self._files(market, kind, paths).order_book(market, day)
        else:
            found = rebuilt_day(paths, _span(day), self.clock.now())
        return self._told(market, day, found, notes)

    def _fetch(self, market: Market, day: date, data_type: str) -> tuple[list[Path], tuple[str, ...]]:
        """The files of a day and of those beside it, by day; one beside that is not there is a note."""
        exchange, symbol = self._name(market)
        paths = {day: self.archive.dataset(exchange, data_type, day, symbol)}
        notes = []
        for beside in (day - DAY, day + DAY):
            if beside >= self.clock.now().date():
                notes.append(
                    f"the file of {beside} is not published yet: late events of {day} may be missing"
                )
                continue
            try:
                paths[beside] = self.archive.dataset(exchange, data_type, beside, symbol)
            except (MissingData, VenueRefused) as error:
                notes.append(f"events of {day} that were recorded on {beside} are missing: {error}")
        return [paths[found] for found in sorted(paths)], tuple(notes)

    def _files(self, market: Market, data_type: str, paths: Sequence[Path]) -> FilesSource:
        """Verified files of a market, and no others, as declared files: the same parsing, rules and notes."""
        entries = [
            FileEntry(glob=glob.escape(str(path.resolve())), kind=f"tardis_{data_type}", market=str(market))
            for path in paths
        ]
        return FilesSource(entries, self.cache, self.clock.now(), cache=self.cache / "tick_days.json")

    def _told(self, market: Market, day: date, found: Delivery, notes: tuple[str, ...] = ()) -> Delivery:
        """The delivery, with what the archive says about its own outages on that day as EVIDENCE."""
        exchange, _ = self._name(market)
        if exchange not in self._outages:
            self._outages[exchange] = self.archive.incidents(exchange)
        start, end = _span(day)
        known = self._outages[exchange]
        outages = known.evidence.filter((pl.col("time") < end) & (pl.col("end") > start))
        told = tuple(
            f"outage {row['time']:%m-%d %H:%M:%S} to {row['end']:%m-%d %H:%M:%S}: {row['reason']}"
            for row in outages.iter_rows(named=True)
        )
        return replace(
            found,
            notes=(*found.notes, *notes, *told, *known.notes_of(start, end)),
            evidence=pl.concat([found.evidence, outages.select(list(EVIDENCE))]),
        )

    def _name(self, market: Market) -> tuple[str, str]:
        found = self.settings.name_of(market)
        if found is None:
            raise MissingData(
                f"{market} is not under source.venues.tardis.markets: expected it there; declare it."
            )
        return found


def _span(day: date) -> Span:
    start = datetime.combine(day, time(), UTC)
    return start, start + DAY
