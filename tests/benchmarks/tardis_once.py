"""One reading of one tick file in this process; prints seconds and peak memory as JSON. Used by tardis.py."""

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from pipelines.market.rows import EARLIEST
from pipelines.market.tardis.books import BookBuilder
from pipelines.market.tardis.layouts import layout_of
from pipelines.market.tardis.rebuilding import rebuild_stream
from pipelines.market.tardis.stream import stream
from resources.sources.reading import read_chunks

WINDOW = (EARLIEST, datetime(2027, 1, 1, tzinfo=UTC))


def ours(data_type: str, path: Path) -> int:
    """Rows that came out; nothing of them is kept."""
    parts = stream(read_chunks(path), layout_of(data_type), str(path), WINDOW)
    if data_type == "incremental_book_L2":
        return sum(frame.height for frame in rebuild_stream([parts], BookBuilder()))
    return sum(part.rows.height for part in parts)


def polars(data_type: str, path: Path) -> int:
    """Rows of a plain typed read of the columns that we use."""
    layout = layout_of(data_type)
    types: dict[str, type[pl.DataType]] = {
        **{"exchange": pl.String, "symbol": pl.String},
        **{column.source: column.kind.dtype for column in layout.columns},
    }
    return pl.read_csv(path, columns=list(types), schema_overrides=types).height


def main(how: str, data_type: str, path: Path) -> None:
    """Measure on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    read = {"ours": ours, "polars": polars}[how]
    start = time.perf_counter()
    rows = read(data_type, path)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "bytes": _peak(), "rows": rows}))


def _peak() -> int:
    """Most bytes ever resident since this program began; getrusage would count those of the one that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
