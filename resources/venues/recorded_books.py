"""Order-book snapshots that were recorded here: no exchange serves yesterday's book. Asking for one is books.py.

One file a day and market, one JSON line a snapshot, flushed to the disk line by line; a line torn by a crash is the
last one, is left out, and is said to be.
"""

import io
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from pipelines.errors import MissingData
from pipelines.market.schemas import ORDER_BOOK
from pipelines.market.symbols import Market
from resources.sources.source import Delivery
from resources.venues.books import require_book

ENDING = ".jsonl"


class RecordedBooks:
    """Snapshots by market and UTC day of exchange time."""

    def __init__(self, folder: Path) -> None:
        """`folder`: made with the first snapshot."""
        self.folder = folder

    def add(self, market: Market, snapshot: Delivery) -> None:
        """Append ORDER_BOOK rows to the files of their days."""
        for (day,), rows in snapshot.frame.group_by(pl.col("time").dt.date(), maintain_order=True):
            path = self._path(market, date.fromisoformat(str(day)))
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                if file.tell() and not _whole(path):
                    file.write(b"\n")
                file.write(rows.write_ndjson().encode())
                file.flush()
                os.fsync(file.fileno())

    def of(self, market: Market, day: date) -> Delivery:
        """Every snapshot of a day, by time; raises MissingData naming the recorded days when there is none."""
        path = self._path(market, day)
        if not path.is_file():
            days = self.days(market)
            found = f"{len(days)} days, {days[0]} to {days[-1]}" if days else "none"
            raise MissingData(
                f"{market}: no order-book snapshot was recorded on {day}, expected one or more, found {found}; a book "
                "can only be recorded while it stands: run `ingest_ticks` of today repeatedly, or use an archive."
            )
        lines = path.read_bytes().split(b"\n")
        whole, torn = (
            [line for line in lines if line.endswith(b"}")],
            [line for line in lines if not line.endswith(b"}")],
        )
        frame = pl.read_ndjson(io.BytesIO(b"\n".join(whole)), schema=_AS_TEXT).with_columns(
            pl.col("time", "local_time").str.to_datetime(time_unit="us", time_zone="UTC")
        )
        notes = ("a snapshot torn by a crash was left out",) if any(torn) else ()
        return Delivery(frame.select(list(ORDER_BOOK)).unique(maintain_order=True).sort("time"), notes=notes)

    def with_one_more(self, market: Market, day: date, snapshot: Delivery) -> Delivery:
        """A day with a snapshot of now, and what was refused on the way to it; raises BadAnswer when there is none."""
        self.add(market, snapshot)
        if snapshot.frame.is_empty() and not self._path(market, day).is_file():
            require_book(snapshot, market)
        kept = self.of(market, day)
        return replace(kept, quarantine=snapshot.quarantine, notes=(*snapshot.notes, *kept.notes))

    def days(self, market: Market) -> list[date]:
        """Days with a snapshot, ascending."""
        folder = self._path(market, date.min).parent
        return sorted(
            date.fromisoformat(path.name.removesuffix(ENDING)) for path in folder.glob(f"*{ENDING}")
        )

    def _path(self, market: Market, day: date) -> Path:
        return self.folder / "books" / market.venue / market.symbol / f"{day}{ENDING}"


_AS_TEXT = {
    name: pl.String if name in ("time", "local_time") else dtype for name, dtype in ORDER_BOOK.items()
}


def _whole(path: Path) -> bool:
    """Whether a file ends with a whole line."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
