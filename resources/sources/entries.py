"""The files of the declared entries. What an entry may say is pipelines/market/file_entry.py."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.errors import BadData, MissingData
from pipelines.market.file_entry import FileEntry
from resources.sources.reading import beside, matches, read_bytes


def paths_of(entry: FileEntry, root: Path) -> list[Path]:
    """Files of an entry, sorted by path, at least one; raises MissingData."""
    found = matches(root, entry.glob)
    if not found:
        raise MissingData(
            f"file entry {entry.glob!r} matches no file under {root}: expected one or more {entry.kind} files; "
            "put them there or correct the pattern."
        )
    return found


def parquet_of(path: Path) -> pl.DataFrame:
    """The table of a Parquet file; raises BadData for a broken one."""
    raw = read_bytes(path)
    try:
        return pl.read_parquet(io.BytesIO(raw))
    except pl.exceptions.PolarsError as error:
        raise BadData(
            f"file {path} cannot be read: expected a whole Parquet file, found {str(error).splitlines()[0]}; get "
            "it again."
        ) from error


def listing(entries: Iterable[FileEntry], root: Path) -> dict[str, Any]:
    """Each entry with its number of files, and the files of the same folders that no entry claims; JSON-able."""
    claimed: set[Path] = set()
    present: set[Path] = set()
    listed = []
    for entry in entries:
        paths = matches(root, entry.glob)
        claimed.update(paths)
        present.update(beside(root, entry.glob))
        listed.append({"glob": entry.glob, "kind": entry.kind, "symbol": entry.traded, "files": len(paths)})
    return {
        "source": "files",
        "root": str(root),
        "entries": listed,
        "ignored": sorted(str(path) for path in present - claimed),
    }
