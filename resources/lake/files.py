"""Which Parquet files a version of a table consists of, and scanning them. Nothing is written here."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import polars as pl
from deltalake import DeltaTable

from pipelines.errors import BadData
from resources.lake.content import UTC_US

HASH = "content_sha256"
"""The constant column that carries a partition's content hash into the table's statistics."""
STORED: dict[str, type[pl.DataType] | pl.DataType] = {
    "boolean": pl.Boolean,
    "byte": pl.Int8,
    "short": pl.Int16,
    "integer": pl.Int32,
    "long": pl.Int64,
    "float": pl.Float32,
    "double": pl.Float64,
    "string": pl.String,
    "date": pl.Date,
    "timestamp": UTC_US,
}


def listing(delta: DeltaTable | None, values: Mapping[str, str]) -> pl.DataFrame:
    """One row per file of the named partitions: `path`, `rows`, `sha256` and a text column per partition key.

    Raises BadData for a key that the table is not partitioned by.
    """
    if delta is None:
        return pl.DataFrame(schema={"path": pl.String, "rows": pl.Int64, "sha256": pl.String})
    names = partition_keys(delta)
    if unknown := [name for name in values if name not in names]:
        raise BadData(
            f"table at {delta.table_uri} has no partition key {unknown[0]!r}: expected one of "
            f"{', '.join(names)}; correct it."
        )
    actions = pl.DataFrame(delta.get_add_actions(flatten=True))
    if actions.is_empty():
        return pl.DataFrame(
            schema={"path": pl.String, "rows": pl.Int64, "sha256": pl.String}
            | dict.fromkeys(names, pl.String)
        )
    root = delta.table_uri.removeprefix("file://").rstrip("/")
    files = actions.select(
        (pl.lit(f"{root}/") + pl.col("path")).alias("path"),
        pl.col("num_records").cast(pl.Int64).alias("rows"),
        pl.col(f"max.{HASH}").alias("sha256"),
        *(pl.col(f"partition.{name}").cast(pl.String).alias(name) for name in names),
    )
    for name, value in values.items():
        files = files.filter(pl.col(name) == value)
    return files.sort(*names, "path")


def partition_keys(delta: DeltaTable) -> list[str]:
    """Partition columns of a table in their order."""
    return list(delta.metadata().partition_columns)


def columns(delta: DeltaTable) -> dict[str, pl.DataType | type[pl.DataType]]:
    """Columns of a table and their polars types, the partition columns and the hash included."""
    return {field.name: STORED[field.type.type] for field in delta.schema().fields}


def within(files: pl.DataFrame, start: datetime | None, end: datetime | None) -> pl.DataFrame:
    """Those files whose `date` or `month` partition can hold times in [start, end)."""
    for column, digits in (("date", 10), ("month", 7)):
        if column in files.columns:
            if start is not None:
                files = files.filter(pl.col(column) >= start.astimezone(UTC).isoformat()[:digits])
            if end is not None:
                files = files.filter(pl.col(column) <= end.astimezone(UTC).isoformat()[:digits])
    return files


def scan(
    delta: DeltaTable, files: pl.DataFrame, open_keys: Sequence[str], options: dict[str, str] | None
) -> pl.LazyFrame:
    """Rows of the files in file order; `open_keys` become text columns. Nothing is read yet."""
    keys = partition_keys(delta)
    schema = {name: dtype for name, dtype in columns(delta).items() if name not in keys and name != HASH}
    if files.is_empty():
        return pl.LazyFrame(schema=schema | dict.fromkeys(open_keys, pl.String))
    if not open_keys:
        return _parquet(files["path"].to_list(), schema, options)
    parts = [
        _parquet(part["path"].to_list(), schema, options).with_columns(
            pl.lit(value).alias(name) for name, value in zip(open_keys, values, strict=True)
        )
        for values, part in files.group_by(open_keys, maintain_order=True)
    ]
    return pl.concat(parts)


def _parquet(
    paths: list[str],
    schema: Mapping[str, pl.DataType | type[pl.DataType]],
    options: dict[str, str] | None,
) -> pl.LazyFrame:
    return pl.scan_parquet(
        paths,
        schema=dict(schema),
        missing_columns="insert",
        extra_columns="ignore",
        hive_partitioning=False,
        storage_options=options,
    )
