"""Tick files of any length as accepted and quarantined rows, a block of lines at a time.

Rows sent = accepted + quarantined; nothing is repaired or dropped. What a file says about all of its rows (its
market, and whether its trades have numbers) is decided by its first block. What the rules are is layouts.py.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

import polars as pl

from pipelines.market.rows import STANDING, Parsed
from pipelines.market.schemas import UTC_US
from pipelines.market.tardis.blocks import BLOCK, blocks
from pipelines.market.tardis.kinds import Window
from pipelines.market.tardis.layouts import Layout
from pipelines.market.tardis.reader import Reader


def stream(
    chunks: Iterable[bytes], layout: Layout, file: str, window: Window, size: int = BLOCK
) -> Iterator[Parsed]:
    """Rows of layout.schema whose exchange time lies in `window`, block by block in the order of the file.

    chunks : the unpacked text, cut anywhere
    window : [start, end), end not after now

    `id` of trades is null in every row when fewer than half of the first block's are whole numbers: the venue
    has none. Raises BadData for an empty file or a header that lacks a column.
    """
    reader = Reader(layout, file, window)
    early: list[Parsed] = []
    for block in blocks(chunks, file, size):
        part = reader.read(block)
        if reader.first is None:
            early.append(part)  # no row has yet told in which day the bad ones before it stand
            continue
        yield from (_standing_at(held, reader.first) for held in early)
        early.clear()
        yield part
    yield from early


def parse(raw: bytes | Iterable[bytes], layout: Layout, file: str, window: Window) -> Parsed:
    """A whole file as one table, from its bytes or pieces of them; see stream."""
    return joined(stream([raw] if isinstance(raw, bytes) else raw, layout, file, window))


def joined(blocks_of_rows: Iterable[Parsed]) -> Parsed:
    """All blocks of a file as one."""
    parts = list(blocks_of_rows)
    if len(parts) == 1:
        return parts[0]
    rows, bad = (pl.concat(frames) for frames in zip(*((p.rows, p.quarantine) for p in parts), strict=True))
    return Parsed(rows, bad, next((part.label for part in parts if part.label), ""))


def _standing_at(part: Parsed, moment: datetime) -> Parsed:
    return replace(part, quarantine=part.quarantine.with_columns(pl.lit(moment, UTC_US).alias(STANDING)))
