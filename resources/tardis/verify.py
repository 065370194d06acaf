"""Whether a fetched daily file is whole and what it is said to be. Whether its rows are sound is the parser's part."""

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from pathlib import Path

import polars as pl

from pipelines.errors import BadData
from pipelines.market.schemas import UTC_US
from pipelines.market.tardis.blocks import blocks
from pipelines.market.tardis.layouts import Layout
from pipelines.market.text_table import text_table
from resources.sources.reading import STEP, unpack

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Contents:
    """What is in a file, by the recorder's clock."""

    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None
    beside: int = 0  # rows of other days, or without a readable time
    damage: str = ""  # continues "the archive ..."; the rest says nothing then


def contents_of(path: Path, layout: Layout, day: date) -> Contents:
    """Read a file to its end; raises BadData for a whole file of another layout or mostly of another day."""
    if not path.is_file() or not path.stat().st_size:
        return Contents(damage="sent an empty answer")
    try:
        return _counted(path, layout, day)
    except (EOFError, zlib.error) as error:
        return Contents(damage=f"sent a file that does not unpack ({str(error).rstrip('.')})")


def _counted(path: Path, layout: Layout, day: date) -> Contents:
    start = datetime.combine(day, time(), UTC)
    rows = inside = 0
    ends: list[datetime] = []
    with path.open("rb") as file:
        pieces = (piece for piece in unpack(iter(lambda: file.read(STEP), b"")) if piece)
        first = next(pieces, None)
        if first is None:
            return Contents()  # a gzip of nothing: the archive's word for a day without data
        for block in blocks(chain([first], pieces), f"{layout.data_type} of {day}"):
            stamps = _stamps(block.text, layout, day)
            rows += len(stamps)
            inside += int(stamps.is_between(start, start + DAY, closed="left").sum())
            ends += [moment for moment in (stamps.min(), stamps.max()) if isinstance(moment, datetime)]
    if rows and 2 * inside < rows:
        raise BadData(
            f"the {layout.data_type} file of {day} is of another day: expected local_timestamp of {day} UTC, found "
            f"{rows - inside} of {rows} rows outside it; check the archive's day and symbol."
        )
    return Contents(rows, min(ends, default=None), max(ends, default=None), rows - inside)


def _stamps(text: bytes, layout: Layout, day: date) -> pl.Series:
    """Local time of every line; the exchange's time where the recorder wrote none."""
    table = text_table(text, f"{layout.data_type} of {day}", layout.required)
    stamps = pl.coalesce("local_timestamp", "timestamp")
    return table.select(stamps.cast(pl.Int64, strict=False).cast(UTC_US)).to_series()
