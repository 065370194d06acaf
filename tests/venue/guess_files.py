"""Opening files of a folder that has never been seen; a file that cannot be served is left out with its reason.

What a file is served as is guess.py.
"""

import sys
import zlib
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import zstandard

from tests.venue.captures import Line, lines_of

GZIP = b"\x1f\x8b"


class LeftOut(Exception):
    """Why a file is not served."""


def say(line: str) -> None:
    """One line for the person at the terminal; standard output is for the settings."""
    print(line, file=sys.stderr)


def parquet_table(path: Path, layouts: Iterable[set[str]]) -> pl.DataFrame | None:
    """The table of a file that has all columns of one of the layouts, else None; raises LeftOut for a broken one."""
    try:
        names = pl.read_parquet_schema(path)
        wanted = next((layout for layout in layouts if layout <= set(names)), None)
        table = None if wanted is None else pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise LeftOut(f"it is no whole Parquet file ({str(error).splitlines()[0]})") from error
    if table is None:
        return None
    time = "open_time" if "open_time" in table.columns else "time"
    if not isinstance(table.schema[time], pl.Datetime | pl.Date):
        raise LeftOut(
            f"its {time} is {table.schema[time]}, expected a date and time: write it as a timestamp"
        )
    if table.is_empty() or table[time].null_count():
        raise LeftOut(
            "it has no rows" if table.is_empty() else f"{table[time].null_count()} rows have no {time}"
        )
    return table


def capture_lines(path: Path) -> list[Line]:
    """Messages of a capture; raises LeftOut for one that cannot be read to its end."""
    try:
        return lines_of(path)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError, ValueError, KeyError, TypeError) as error:
        raise LeftOut(f"it is no whole capture ({str(error).rstrip('.')})") from error


def require_gzip(path: Path) -> None:
    """Raise LeftOut for a file that does not begin like a gzip."""
    with path.open("rb") as file:
        start = file.read(2)
    if start != GZIP:
        raise LeftOut(f"it is no gzip (it begins with {start!r})")
