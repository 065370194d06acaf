"""One UTC day of books rebuilt from the archive's increments. One step of the rebuild is pipelines/market/tardis.

The archive splits its files by the recorder's clock. Of the file before only states of the day itself are of use,
which a recorder has whose clock runs behind; of the file after the first minutes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from pipelines.errors import BadData
from pipelines.market.rows import QUARANTINE, Parsed
from pipelines.market.tardis.layouts import layout_of
from pipelines.market.tardis.rebuilding import rebuild
from pipelines.market.tardis.stream import stream
from resources.sources.gathering import judged_clock
from resources.sources.reading import named_day, read_chunks
from resources.sources.source import Delivery
from resources.sources.tick_files import scan_days, window_of

LAYOUT = layout_of("incremental_book_L2")
LATE = timedelta(minutes=10)
"""What a recorder got later than this after the end of the day is not looked for: no minute would take it."""
Span = tuple[datetime, datetime]


def rebuilt_day(paths: Sequence[Path], span: Span, now: datetime) -> Delivery:
    """ORDER_BOOK of [start, end) of exchange time from `incremental_book_L2` files in the order of their days.

    A file begins with a snapshot; where its book is not known there is a row without levels and a note. `crossed`
    counts the crossed and locked states, none of which is in the frame. Raises BadData for a file that cannot be read.
    """
    notes: list[str] = []
    needed = [path for path in paths if _has_some(path, span, now, notes)]
    found = rebuild((_parts(path, span, now) for path in needed), span=span)
    book = found.book if found.book["time"].is_sorted() else found.book.sort("time", maintain_order=True)
    told = (f"books were rebuilt from {found.updates:,} level updates", *found.notes, *notes)
    return replace(
        judged_clock(Delivery(book, found.quarantine.select(*QUARANTINE), told)), crossed=found.crossed
    )


def _has_some(path: Path, span: Span, now: datetime, notes: list[str]) -> bool:
    """Whether a file may hold events of the span: one of a day before it is looked through first, which is quick."""
    named, start = named_day(path), span[0].date()
    if named is None or named >= start:
        return True
    try:
        return start in scan_days(path, window_of(path, now))
    except BadData as error:
        notes.append(f"events of {start} that were recorded on {named} are missing: {error}")
        return False


def _parts(path: Path, span: Span, now: datetime) -> Iterator[Parsed]:
    """Blocks of a file; of one of a day after the span only its beginning (its bytes were verified before)."""
    named = named_day(path)
    after = named is not None and named >= span[1].date()
    for part in stream(read_chunks(path), LAYOUT, str(path), window_of(path, now)):
        yield part
        newest = part.rows["local_time"].max()
        if after and isinstance(newest, datetime) and newest >= span[1] + LATE:
            return
