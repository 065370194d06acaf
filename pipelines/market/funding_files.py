"""Parsing of funding payments from Parquet tables: columns `time`, `funding_rate` and `coin` or `symbol`."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from pipelines.errors import BadData, MissingData
from pipelines.market.rows import EARLIEST
from pipelines.market.schemas import FUNDING, UTC_US

HOUR_US = 3_600_000_000
HOUR, FILE = "#hour", "#file"
LARGEST_RATE = 1.0
"""A rate of 100 % a period is broken data: venues cap it at a few percent."""


def parse_funding(table: pl.DataFrame, file: str, where: str | None, now: datetime) -> pl.DataFrame:
    """FUNDING of one symbol, sorted by time; `where` is its value in column coin or symbol.

    `period_hours` is the time since the payment before, in whole hours, as the median with its neighbours: a
    missing payment does not lengthen a period, a venue's change from 8 hours to 1 does. Raises BadData for
    broken rows or columns, MissingData when no row is of the symbol.
    """
    rows = _of_symbol(table, file, where)
    bad = rows.filter(
        ~(
            pl.col("time").is_between(EARLIEST, now)
            & (pl.col("rate").abs() < LARGEST_RATE)
            & ~((pl.struct("time").is_duplicated()) & ~pl.struct("time", "rate").is_duplicated())
        ).fill_null(False)
    )
    if bad.height:
        raise BadData(
            f"file {file} has {bad.height} broken funding rows, the first at {bad['time'][0]} with rate "
            f"{bad['rate'][0]}: expected one finite rate below 100 % for each time that has passed; "
            "repair the file."
        )
    rows = rows.unique(maintain_order=True).sort("time")
    hours = (pl.col("time").diff().dt.total_microseconds() / HOUR_US).round().fill_null(strategy="backward")
    around = pl.concat_list(hours.shift(1), hours, hours.shift(-1)).list.drop_nulls()
    return rows.with_columns(
        around.list.sort().list.get((around.list.len() - 1) // 2, null_on_oob=True).alias("period_hours")
    ).select(pl.col(name).cast(dtype) for name, dtype in FUNDING.items())


def together(parts: Sequence[tuple[str, pl.DataFrame]]) -> pl.DataFrame:
    """FUNDING of one symbol from several files, sorted by time: one row for each payment.

    parts : file and its FUNDING, at least one
    A payment is named by the hour nearest to its stamp, since files differ in how late they stamp it. Of equal ones the
    later stamp stays: a rate must not seem known before it was. Raises BadData naming both files where two of a payment
    differ.
    """
    hour = pl.col("time").dt.round("1h").alias(HOUR)
    rows = pl.concat([frame.with_columns(hour, pl.lit(file).alias(FILE)) for file, frame in parts])
    rows = rows.sort("time", maintain_order=True)
    apart = rows.filter(pl.col("rate").n_unique().over(HOUR) > 1).sort(HOUR, maintain_order=True)
    if apart.height:
        first = apart.row(0, named=True)
        other = apart.filter(pl.col(HOUR) == first[HOUR], pl.col("rate") != first["rate"]).row(0, named=True)
        raise BadData(
            f"files {first[FILE]} and {other[FILE]} differ about the funding of {first[HOUR]:%Y-%m-%d %H:%M} UTC: "
            f"expected one rate, found {first['rate']} stamped {first['time']:%H:%M:%S.%f} and {other['rate']} stamped "
            f"{other['time']:%H:%M:%S.%f}; remove the wrong file or row."
        )
    return rows.unique(HOUR, keep="last", maintain_order=True).select(list(FUNDING))


def _of_symbol(table: pl.DataFrame, file: str, where: str | None) -> pl.DataFrame:
    named = next((name for name in ("coin", "symbol") if name in table.columns), None)
    absent = [name for name in ("time", "funding_rate") if name not in table.columns]
    zone = getattr(table.schema.get("time"), "time_zone", None)
    if absent or zone is None or (named is None) != (where is None):
        raise BadData(
            f"file {file} is no funding table: expected columns time (with a time zone), funding_rate "
            "and, when its "
            f"entry has `where`, coin or symbol, found {dict(table.schema)} and where={where!r}; correct "
            "either."
        )
    chosen = table if named is None else table.filter(pl.col(named) == where)
    if chosen.is_empty():
        raise MissingData(
            f"file {file} has no funding of {where!r}: expected it in column {named}, found none; correct "
            "`where`."
        )
    return chosen.select(
        pl.col("time").dt.convert_time_zone("UTC").cast(UTC_US),
        pl.col("funding_rate").cast(pl.Float64).alias("rate"),
    )
