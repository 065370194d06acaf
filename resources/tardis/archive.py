"""The archive as the rest of Tidemark sees it: files that were verified, messages, and outages.

Who fetches is engines.py, how often asking.py, what is believed verify.py and slices.py.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pipelines.errors import BadAnswer, MissingData
from pipelines.market.tardis.layouts import layout_of
from pipelines.market.venue_settings import TardisSettings
from resources.clock import Clock
from resources.sources.captures import Captured
from resources.tardis.asking import NAME, Asking, NotThere
from resources.tardis.available import days_of
from resources.tardis.engines import PART, Channel, details, download
from resources.tardis.incidents import Incidents, evidence_of
from resources.tardis.manifest import Manifest, manifest_path, read_manifest, sha256_of
from resources.tardis.slices import replayed
from resources.tardis.verify import Contents, contents_of
from resources.venues.gate import Gate


class Archive:
    """Daily files and messages of one archive, kept in one folder; safe to share between processes."""

    def __init__(
        self,
        settings: TardisSettings,
        key: str | None,
        cache: Path,
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        """`key`: TARDIS_API_KEY; `tell` gets sentences for a person: waits, files fetched again."""
        self.settings, self.cache, self.clock, self.tell = settings, cache, clock, tell
        self._key = key
        self._known: dict[str, dict[str, Any]] = {}
        self._asking = Asking(Gate(cache / "gate", NAME), clock, tell, key)

    def dataset(self, exchange: str, data_type: str, day: date, symbol: str) -> Path:
        """One verified daily file, fetched when it is not there as its manifest says; see manifest_of.

        Raises MissingData when the archive has nothing of that day, UnknownName for an unknown data type, and
        VenueRefused, RateLimited, VenueDown, BadAnswer or BadData when it did not give a file to believe.
        """
        path = self._path(exchange, data_type, day, symbol)
        known = read_manifest(path)
        if path.is_file():
            if known is not None and known.of(path):
                return path
            # nobody may read what was not verified, not even when the sound file cannot be had again
            path.unlink(missing_ok=True)
            manifest_path(path).unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self.cache, prefix=".fetch-"))
        try:
            self._fetch(exchange, data_type, day, symbol, folder, path)
        finally:
            shutil.rmtree(folder)
        return path

    def manifest_of(self, path: Path) -> Manifest:
        """What was verified about a file that `dataset` returned; raises BadAnswer when that is not known."""
        found = read_manifest(path)
        if found is None:
            raise BadAnswer(f"file {path} has no manifest: expected one beside it; fetch it again.")
        return found

    def replay(
        self, exchange: str, channels: Sequence[Channel], start: datetime, end: datetime
    ) -> Iterator[Captured]:
        """(local time, message) of the exchange's own feed in [start, end), whole minutes; None, None: disconnected.

        Messages are parsed JSON, numbers with a point as text (text where it is no JSON). Every piece of an hour is
        verified before its first message comes. Raises as `dataset` does.
        """
        return replayed(self._asking, self.settings, self._key, self.cache, exchange, channels, start, end)

    def incidents(self, exchange: str) -> Incidents:
        """When the archive recorded nothing of an exchange, by its own word; raises as `dataset` does."""
        return evidence_of(self._details(exchange), exchange, self.clock.now())

    def channels(self, exchange: str) -> frozenset[str]:
        """The channels that the archive says it has ever recorded of an exchange; empty where it does not say."""
        return frozenset(self._details(exchange).get("availableChannels") or ())

    def days(self, exchange: str, symbol: str, data_type: str | None, days: Iterable[date]) -> list[date]:
        """Those of `days` of which the archive says it has the data type (None: messages) of a symbol."""
        if exchange not in self._known:
            self._known[exchange] = self._details(exchange)
        return days_of(self._known[exchange], symbol, data_type, days)

    def _details(self, exchange: str) -> dict[str, Any]:
        what = f"the details of {exchange}"

        async def call() -> dict[str, Any]:
            return await details(self.settings, exchange)

        try:
            return self._asking.ask(call, what)
        except NotThere:
            raise MissingData(
                f"{NAME} does not know exchange {exchange!r}: expected one of its exchanges; correct "
                "source.venues.tardis.markets."
            ) from None

    def _fetch(self, exchange: str, data_type: str, day: date, symbol: str, folder: Path, path: Path) -> None:
        layout, part = layout_of(data_type), folder / PART
        what = f"{data_type} of {exchange} {symbol} on {day}"
        found = Contents()

        async def call() -> None:
            part.unlink(missing_ok=True)
            await download(self.settings, self._key, (exchange, data_type, day, symbol), folder)

        def damage(_: None) -> str:
            nonlocal found
            found = contents_of(part, layout, day)
            return found.damage

        try:
            self._asking.ask(call, what, damage)
            if not found.rows:
                self._asking.ask(call, what, damage)  # nothing at all is believed the second time it is said
        except NotThere:
            raise MissingData(f"{NAME} has no {what} (404): expected a file; leave the day out.") from None
        if not found.rows:
            raise MissingData(
                f"{NAME} has no {what}: expected rows, found an empty file twice; leave the day out."
            )
        if found.beside:
            self.tell(
                f"{what}: {found.beside} of {found.rows} rows are of another day by the recorder's clock."
            )
        manifest = Manifest(
            exchange, data_type, day, symbol, part.stat().st_size, sha256_of(part), found.rows, found.first,
            found.last, found.beside, self.clock.now().astimezone(UTC), "tardis-dev",
        )  # fmt: skip
        manifest.write(path)
        part.replace(path)

    def _path(self, exchange: str, data_type: str, day: date, symbol: str) -> Path:
        layout_of(data_type)
        name = symbol.replace("/", "-").replace(":", "-").upper()
        return self.cache / "datasets" / exchange / data_type / f"{exchange}_{data_type}_{day}_{name}.csv.gz"
