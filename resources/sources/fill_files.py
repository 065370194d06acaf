"""Fills by wallet from the user's files, JSON lines. Reading a line is pipelines/market/wallets.

Files may overlap: a fill with a trade id that a later file repeats is dropped and counted, one that it contradicts
is quarantined. A fill without an id is kept, since two can truly be alike.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from pipelines.errors import BadData
from pipelines.market.file_entry import FileEntry
from pipelines.market.rows import EARLIEST, QUARANTINE
from pipelines.market.schemas import FILLS
from pipelines.market.wallets import ParsedFills, parse_fill_lines
from resources.sources.entries import paths_of
from resources.sources.reading import read_bytes
from resources.sources.source import Delivery

FILE = "#file"


def fills_of(
    entries: Sequence[FileEntry], root: Path, now: datetime, start: datetime, end: datetime
) -> Delivery:
    """FILLS in [start, end) of the entries' files, sorted by time; rows set aside are those of the whole files.

    An entry's `where` is the venue's name of what was traded, its symbol's base when left out; fills of other coins
    are other entries' business. Raises MissingData without a file, BadData for an empty or hopeless one.
    """
    parsed = {
        str(path): (_parsed(path, now), entry.where or entry.traded.partition("-")[0])
        for entry in entries
        for path in paths_of(entry, root)
    }
    rows = pl.concat(
        found.rows.filter(pl.col("coin") == coin).with_columns(pl.lit(name).alias(FILE))
        for name, (found, coin) in parsed.items()
    )
    rows, conflicts, repeats = _unrepeated(rows)
    return Delivery(
        frame=rows.filter(pl.col("time").is_between(start, end, closed="left")).sort(
            "time", maintain_order=True
        ),
        quarantine=pl.concat(
            [*(found.quarantine.select(*QUARANTINE) for found, _ in parsed.values()), conflicts]
        ),
        notes=tuple(
            f"{Path(name).name}: {note}" for name, (found, _) in parsed.items() for note in found.notes
        ),
        check_local_time=False,
        duplicates=repeats + sum(found.repeats for found, _ in parsed.values()),
    )


def _parsed(path: Path, now: datetime) -> ParsedFills:
    lines = read_bytes(path).decode("utf-8", "replace").splitlines()
    if not lines:
        raise BadData(f"file {path} is empty: expected one fill a line; get it again or delete it.")
    found = parse_fill_lines(lines, str(path), (EARLIEST, now))
    if 2 * found.quarantine.height > found.sent:
        worst = found.quarantine.row(0, named=True)
        raise BadData(
            f"file {path} is not what its entry says: expected most of its {found.sent} lines to be fills, found "
            f"{found.quarantine.height} broken (line {worst['line']}: {worst['reason']}); check its layout."
        )
    return found


def _unrepeated(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """The first fill of each wallet, trade id and side, later ones that contradict it (QUARANTINE), count of repeats.

    A trade with oneself has both sides under one id.
    """
    numbered = rows.filter(pl.col("id").is_not_null())
    first = numbered.unique(["address", "id", "side"], keep="first", maintain_order=True)
    later = numbered.join(first, on=[*FILLS, FILE], how="anti", nulls_equal=True)
    conflicts = later.join(first, on=[*FILLS], how="anti", nulls_equal=True)
    kept = pl.concat([rows.filter(pl.col("id").is_null()), first]).select(*FILLS)
    aside = conflicts.select(
        pl.col(FILE).alias("file"),
        pl.lit(None, pl.Int64).alias("line"),
        pl.lit("repeats the trade id of another file's fill with other values").alias("reason"),
        pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in FILLS], separator=",").alias(
            "text"
        ),
    )
    return kept, aside, later.height - conflicts.height
