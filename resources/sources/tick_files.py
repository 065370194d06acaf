"""Which UTC days of exchange time a tick file holds, found by one cheap scan and remembered.

Tardis splits files by the recorder's local time, so a file named for D holds events of D-1 and D+1 too; a
recording across midnight sits in one file. Only the times are read here: rows are parsed in pipelines/market.
"""

import json
import os
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl

from pipelines.errors import BadData
from pipelines.market.rows import EARLIEST
from pipelines.market.schemas import UTC_US
from pipelines.market.tardis.blocks import blocks
from resources.sources.reading import named_day, read_chunks

DAY = timedelta(days=1)


def window_of(path: Path, now: datetime) -> tuple[datetime, datetime]:
    """Exchange times that a tick file may hold: its name's day and those beside it, nothing after now."""
    day = named_day(path)
    if day is None:
        return EARLIEST, now
    midnight = datetime.combine(day, time(), UTC)
    return midnight - DAY, min(midnight + 2 * DAY, now)


def near(path: Path, day: date) -> bool:
    """Whether a file's name lets it hold events of a day."""
    named = named_day(path)
    return named is None or abs(named - day) <= DAY


@dataclass
class TickIndex:
    """Days by file, remembered by size and modification time, in a JSON file when one is given.

    The JSON file is written only into a folder that exists: it lies in the lake, and input that was refused
    before anything was ingested must leave nothing behind.
    """

    now: datetime
    cache: Path | None = None
    known: dict[str, tuple[str, list[date]]] = field(default_factory=dict)
    unsaved: bool = False

    def __post_init__(self) -> None:
        if self.cache is not None and self.cache.is_file():
            stored = json.loads(self.cache.read_text())
            self.known = {
                name: (stamp, [date.fromisoformat(day) for day in days])
                for name, (stamp, days) in stored.items()
            }

    def days(self, paths: list[Path]) -> dict[Path, list[date]]:
        """UTC days with rows, ascending, for each file; scans those that are new or changed.

        Raises BadData for a file that cannot be unpacked, is empty, or has no timestamp column or none of its days.
        """
        found = {}
        for path in paths:
            state = path.stat()
            stamp = f"{state.st_size}-{state.st_mtime_ns}"
            if self.known.get(str(path), ("", []))[0] != stamp:
                self.known[str(path)] = (stamp, scan_days(path, window_of(path, self.now)))
                self.unsaved = True
            found[path] = self.known[str(path)][1]
        if self.unsaved and self.cache is not None and self.cache.parent.is_dir():
            self._store(self.cache)
            self.unsaved = False
        return found

    def _store(self, cache: Path) -> None:
        text = json.dumps(
            {name: (stamp, [day.isoformat() for day in days]) for name, (stamp, days) in self.known.items()}
        )
        handle, temporary = tempfile.mkstemp(dir=cache.parent, prefix=cache.name)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        Path(temporary).replace(cache)


def scan_days(path: Path, window: tuple[datetime, datetime]) -> list[date]:
    """UTC days of the timestamps that lie in the window; broken stamps are left to the parser."""
    days: set[date] = set()
    rows, first = 0, None
    for block in blocks(read_chunks(path), str(path)):
        stamps = _stamps(path, block.text)
        first = stamps[0] if first is None and len(stamps) else first
        rows += len(stamps)
        times = stamps.cast(pl.Int64, strict=False).cast(UTC_US)
        inside = times.filter(times.is_between(window[0], window[1], closed="left"))
        days.update(inside.dt.date().unique().to_list())
    if rows and not days:
        raise BadData(
            f"file {path} has no timestamp from {window[0]:%Y-%m-%d} to {window[1]:%Y-%m-%d %H:%M} UTC in "
            f"{rows} rows: expected microseconds since 1970 near the day of its name, found first "
            f"{first!r}; check its columns and units."
        )
    return sorted(days)


def _stamps(path: Path, text: bytes) -> pl.Series:
    try:
        return pl.read_csv(
            text,
            columns=["timestamp"],
            schema_overrides={"timestamp": pl.String},
            infer_schema=False,
            quote_char=None,
            encoding="utf8-lossy",
            truncate_ragged_lines=True,
        )["timestamp"]
    except pl.exceptions.ColumnNotFoundError:
        header = text.split(b"\n", 1)[0][:120].decode("utf-8", "replace")
        raise BadData(
            f"file {path} has no column timestamp: expected the Tardis layout, found first line "
            f"{header!r}; give "
            "it its header line."
        ) from None
