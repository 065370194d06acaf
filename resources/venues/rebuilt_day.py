"""One UTC day of books rebuilt from the archive's increments. One step of the rebuild is pipelines/market/tardis."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from pipelines.market.rows import QUARANTINE, STANDING, Parsed
from pipelines.market.tardis.layouts import layout_of
from pipelines.market.tardis.rebuilding import Rebuilt, rebuild
from pipelines.market.tardis.stream import stream
from resources.sources.gathering import judged_clock
from resources.sources.reading import read_chunks
from resources.sources.source import Delivery
from resources.sources.tick_files import window_of

LAYOUT = layout_of("incremental_book_L2")


def rebuilt_day(paths: Sequence[Path], span: tuple[datetime, datetime], now: datetime) -> Delivery:
    """ORDER_BOOK of [start, end) of exchange time from `incremental_book_L2` files in the order of their days.

    A file begins with a snapshot; where its book is not known there is a row without levels and a note. Raises
    BadData for a file that cannot be read.
    """
    return delivery_of(rebuild(_parts(path, now) for path in paths), span)


def delivery_of(found: Rebuilt, span: tuple[datetime, datetime]) -> Delivery:
    """The part of a rebuild that lies in a span, its recorder's clock judged."""
    inside = pl.col("time").is_between(*span, closed="left")
    standing = pl.col(STANDING).is_between(*span, closed="left")
    return judged_clock(
        Delivery(
            found.book.filter(inside).sort("time", "local_time", maintain_order=True),
            found.quarantine.filter(standing).select(*QUARANTINE)
            if found.quarantine.height
            else pl.DataFrame(schema=QUARANTINE),
            (f"books were rebuilt from {found.updates:,} level updates", *found.notes),
        )
    )


def _parts(path: Path, now: datetime) -> Iterator[Parsed]:
    return stream(read_chunks(path), LAYOUT, str(path), window_of(path, now))
