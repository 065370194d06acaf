"""The one way a table changes: partitions replaced in one Delta commit, tried again if another came first."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl
from deltalake import ColumnProperties, CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from pipelines.errors import BadData
from resources.lake.files import HASH, columns

if TYPE_CHECKING:
    import pyarrow as pa

ATTEMPTS = 30
ROW_GROUP = 131_072
"""Rows; a span of a day out of a partition of a month reads one group."""
ONE_FILE = 1 << 40
"""Bytes; a partition stays one file, so its rows keep the order they were written in."""


def open_table(uri: str, options: dict[str, str] | None, version: int | None = None) -> DeltaTable | None:
    """The table at a version (newest by default), or None when it was never written."""
    try:
        return DeltaTable(uri, version=version, storage_options=options)
    except TableNotFoundError:
        return None


def open_or_create(
    uri: str, options: dict[str, str] | None, frame: pl.DataFrame, keys: Sequence[str]
) -> DeltaTable:
    """The table, created empty with the frame's columns when absent; safe when several processes race.

    Raises BadData when the table is partitioned by other keys.
    """

    def create() -> DeltaTable:
        found = open_table(uri, options)
        return found or DeltaTable.create(
            uri,
            frame.head(0).to_arrow().schema,
            mode="ignore",
            partition_by=list(keys),
            configuration={"delta.dataSkippingStatsColumns": HASH},
            storage_options=options,
        )

    delta = _again(create)
    if set(delta.metadata().partition_columns) != set(keys):
        raise BadData(
            f"table at {uri} is partitioned by {', '.join(delta.metadata().partition_columns)}: expected "
            "that, "
            f"found keys {', '.join(keys)}; use the table's own keys."
        )
    return delta


def replace(
    uri: str, options: dict[str, str] | None, frames: Sequence[pl.DataFrame], predicate: str
) -> DeltaTable:
    """Replace the rows that `predicate` selects by those of the frames, one after the other, in one commit.

    A column that a frame lacks is null in it. Returns the table at the new version. Raises BadData when a column's type
    differs from the table's, DeltaError when storage fails.
    """
    import pyarrow as pa  # loading a code location stays cheap

    empty = pl.concat([frame.head(0) for frame in frames], how="diagonal")
    check_types(DeltaTable(uri, storage_options=options), empty)
    schema = empty.to_arrow().schema

    def write() -> DeltaTable:
        delta = DeltaTable(uri, storage_options=options)
        write_deltalake(
            delta,
            pa.RecordBatchReader.from_batches(schema, _batches(frames, empty)),
            mode="overwrite",
            predicate=predicate,
            schema_mode="merge",
            target_file_size=ONE_FILE,
            writer_properties=_writer(empty),
            commit_properties=CommitProperties(max_commit_retries=15),
        )
        return delta

    return _again(write)


def _batches(frames: Sequence[pl.DataFrame], empty: pl.DataFrame) -> "Iterator[pa.RecordBatch]":
    """Piece by piece, so that a table twice the size of memory's rest is not copied whole."""
    for frame in frames:
        absent = [pl.lit(None, kind).alias(n) for n, kind in empty.schema.items() if n not in frame.columns]
        for start in range(0, frame.height, ROW_GROUP):
            part = frame.slice(start, ROW_GROUP).with_columns(absent).select(empty.columns)
            yield from part.to_arrow().to_batches()


def check_types(delta: DeltaTable, frame: pl.DataFrame) -> None:
    """Raise BadData when a column of the frame has another type than the table's column of that name."""
    stored = columns(delta)
    for name, dtype in frame.schema.items():
        if stored.get(name, dtype) != dtype:
            raise BadData(
                f"column {name!r} for the table at {delta.table_uri} has type {dtype}: expected "
                f"{stored[name]} "
                "as in the table; cast it or use another table name."
            )


def _writer(frame: pl.DataFrame) -> WriterProperties:
    """Dictionaries except for floats: 1 M x 53 of them are written 6 times as fast without."""
    plain = [name for name, dtype in frame.schema.items() if dtype.is_float()]
    return WriterProperties(
        compression="ZSTD",
        compression_level=1,
        max_row_group_size=ROW_GROUP,
        column_properties={name: ColumnProperties(dictionary_enabled=False) for name in plain},
    )


def _again(attempt: Callable[[], DeltaTable]) -> DeltaTable:
    for number in range(ATTEMPTS - 1):
        try:
            return attempt()
        except CommitFailedError:  # somebody committed first: look again and repeat
            time.sleep(random.uniform(0, 0.01 * 2 ** min(number, 6)))
        except DeltaError as error:
            if "already exists" not in str(error):
                raise
    return attempt()
