"""Canonical form and content hash of a frame. Pure functions of the values; no table is touched here.

Delta Lake knows neither unsigned integers, nor categories, nor naive or nanosecond times as we use them, so a
frame is brought into the types that survive a round trip before it is hashed and written: the hash of what is
written equals the hash of what is read back.
"""

import hashlib
from collections.abc import Sequence

import polars as pl

from pipelines.errors import BadData

TIME_COLUMNS = ("open_time", "time")
"""Names under which a table may carry its time; the first one present orders the rows."""
TIE_BREAKERS = ("id",)
UTC_US = pl.Datetime("us", "UTC")
WIDER: dict[type[pl.DataType], type[pl.DataType]] = {
    pl.UInt8: pl.Int16,
    pl.UInt16: pl.Int32,
    pl.UInt32: pl.Int64,
    pl.Categorical: pl.String,
    pl.Enum: pl.String,
}
TAGS: dict[type[pl.DataType], str] = {
    pl.Boolean: "bool",
    pl.Int8: "i8",
    pl.Int16: "i16",
    pl.Int32: "i32",
    pl.Int64: "i64",
    pl.Float32: "f32",
    pl.Float64: "f64",
    pl.String: "text",
    pl.Date: "date",
    pl.Datetime: "time-us-utc",
}


def time_column(columns: Sequence[str]) -> str | None:
    """Name of the column that orders the rows, or None."""
    return next((name for name in TIME_COLUMNS if name in columns), None)


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows sorted by time (then id), ties in their given order; unchanged when there is no time column."""
    time = time_column(frame.columns)
    if time is None:
        return frame
    if frame[time].null_count() == 0 and _strictly_ascending(frame[time]):
        return frame  # nothing to sort and no ties to break: no copy either
    return frame.sort([time, *(name for name in TIE_BREAKERS if name in frame.columns)], maintain_order=True)


def _strictly_ascending(times: pl.Series) -> bool:
    moments = times.to_physical()
    return len(moments) < 2 or bool((moments[1:] > moments[:-1]).all())


def canonical(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The frame in types that survive Delta Lake, sorted by time; raises BadData for other types."""
    return ordered(frame.with_columns(_canonical(column, table) for column in frame)).rechunk()


def content_hash(frame: pl.DataFrame) -> str:
    """SHA-256 of a canonical frame: columns by name, each as type, null mask and values in row order."""
    digest = hashlib.sha256(f"rows={frame.height}".encode())
    for name in sorted(frame.columns):
        column = frame[name]
        digest.update(f"|{name}:{TAGS[column.dtype.base_type()]}".encode())
        if column.null_count():
            digest.update(b"nulls" + column.is_null().cast(pl.UInt8).to_numpy().tobytes())
        for part in _values(column):
            digest.update(part)
    return digest.hexdigest()


def _canonical(column: pl.Series, table: str) -> pl.Series:
    kind = column.dtype.base_type()
    if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
        return column.dt.convert_time_zone("UTC").cast(UTC_US)
    if kind in WIDER:
        return column.cast(WIDER[kind])
    if kind in TAGS and kind is not pl.Datetime:
        return column
    raise BadData(
        f"column {column.name!r} of table {table!r} has type {column.dtype}: expected a number, text, flag, "
        "date or time-zone-aware time; cast it before writing."
    )


def _values(column: pl.Series) -> tuple[bytes | memoryview, ...]:
    kind = column.dtype.base_type()
    if kind is pl.String:
        text = column.fill_null("")
        return (
            text.str.len_bytes().to_numpy().tobytes(),
            "".join(text.to_list()).encode(),
        )
    if kind in (pl.Float32, pl.Float64):
        column = column.fill_nan(float("nan")).fill_null(0.0)  # NaNs have many bit patterns; one is enough
    elif kind is pl.Boolean:
        column = column.cast(pl.UInt8).fill_null(0)
    else:
        column = column.to_physical().fill_null(0)
    return (column.rechunk().to_numpy().data.cast("B") if len(column) else b"",)
