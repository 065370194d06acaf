"""Reading and writing lake tables the way several assets do: optional inputs and quarantined rows. No assets here."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from resources.lake import Lake

KINDS = {"polars", "deltalake"}  # of every asset that is a table


def optional(
    lake: Lake,
    table: str,
    keys: dict[str, str],
    schema: dict[str, pl.DataType | type[pl.DataType]],
    start: datetime | None = None,
    end: datetime | None = None,
) -> pl.DataFrame:
    """The partition's rows, or an empty frame of the schema when it was never materialised."""
    if not lake.exists(table, keys):
        return pl.DataFrame(schema=schema)
    return lake.read(table, keys, start, end)


def keep_quarantine(lake: Lake, table: str, refused: Mapping[str, pl.DataFrame]) -> int:
    """Keep the refused rows of each part (a market's day, a symbol's candles); returns how many.

    A later run of the same part replaces what an earlier one refused, also by nothing.
    """
    known = {p["part"] for p in lake.partitions("quarantine") if p["refused_for"] == table}
    for part, rows in refused.items():
        if not rows.is_empty() or part in known:
            lake.replace("quarantine", rows, {"refused_for": table, "part": part})
    return sum(rows.height for rows in refused.values())
