"""Reading and writing lake tables the way several assets do: optional inputs and quarantined rows. No assets here."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from pipelines.market.rows import QUARANTINE
from resources.lake import Lake

KINDS = {"polars", "deltalake"}  # of every asset that is a table


def optional(
    lake: Lake,
    table: str,
    keys: dict[str, str],
    schema: dict[str, pl.DataType | type[pl.DataType]],
    start: datetime | None = None,
    end: datetime | None = None,
    version: int | None = None,
) -> pl.DataFrame:
    """The partition's rows, at a version of the table, or an empty frame of the schema when it was never materialised.

    A column of the schema that an older table does not have is null, behind its others.
    """
    if not lake.exists(table, keys):
        return pl.DataFrame(schema=schema)
    rows = lake.read(table, keys, start, end, version=version)
    return rows.with_columns(
        pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in rows.columns
    )


def keep_quarantine(lake: Lake, table: str, refused: Mapping[str, pl.DataFrame]) -> int:
    """Keep the refused rows of each part (a market's day, a symbol's candles); returns how many.

    A later run of the same part replaces what an earlier one refused, also by nothing.
    """
    known = {p["part"] for p in lake.partitions("quarantine") if p["refused_for"] == table}
    for part, rows in refused.items():
        if not rows.is_empty() or part in known:
            lake.replace("quarantine", rows, {"refused_for": table, "part": part})
    return sum(rows.height for rows in refused.values())


def add_quarantine(lake: Lake, table: str, part: str, refused: pl.DataFrame) -> int:
    """Keep newly refused rows beside those that earlier runs refused; returns how many are new in this run.

    A venue is asked for every row once, so what it refused to be then would be lost if a later run replaced it. A row
    that comes again word for word is kept once, as it came last.
    """
    if refused.is_empty():
        return 0
    keys = {"refused_for": table, "part": part}
    earlier = optional(lake, "quarantine", keys, QUARANTINE).select(list(QUARANTINE))
    others = earlier.join(refused, on=["reason", "text"], how="anti", maintain_order="left", nulls_equal=True)
    lake.replace("quarantine", pl.concat([others, refused.select(list(QUARANTINE))]), keys)
    return refused.height
