"""Tables on Delta Lake: replace whole partitions atomically, read them back, name what was read.

A write replaces the named partitions and nothing else, in one commit, or leaves the table as it was; a killed
writer leaves only files that no version refers to. Writers of different partitions do not disturb each other.
Each row carries its partition's content hash in a constant column, so the hash sits in the table's own
statistics: an unchanged partition is recognised without reading it. That column is dropped on every read.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import polars as pl
from deltalake import DeltaTable

from pipelines.errors import BadData
from resources.lake.commit import open_or_create, open_table, replace
from resources.lake.content import canonical, content_hash, ordered, time_column
from resources.lake.files import HASH, listing, partition_keys, scan, within
from resources.lake.partitions import (
    Keys,
    check_days,
    missing,
    named,
    predicate,
    text_of,
    texts,
    without_keys,
)
from resources.lake.receipt import Receipt, combined_hash

Value = TypeVar("Value", str, date, str | date)
"""A partition value: text, or a date."""


class Lake:
    """All tables under one root; a table is partitioned by the keys of its first write.

    Times are UTC, spans half-open. `keys` maps partition columns to values, e.g. {"symbol": "BTC-USD",
    "timeframe": "1m"}; when reading, fewer keys name more partitions.
    """

    def __init__(self, root: str | Path, storage_options: Mapping[str, str] | None = None) -> None:
        """Use a folder (made on the first write) or an object-store URL with its storage options."""
        self.root = str(root if "://" in str(root) else Path(root).absolute()).rstrip("/")
        self.storage_options = dict(storage_options or {}) or None

    def replace(self, table: str, frame: pl.DataFrame, keys: Keys) -> Receipt:
        """Replace exactly one partition; an empty frame removes it, an equal one changes nothing.

        Raises BadData for types the lake cannot keep, or rows outside the UTC day of a `date` key.
        """
        *rest, by = keys
        return self.replace_many(table, {keys[by]: frame}, {name: keys[name] for name in rest}, by)

    def replace_many(
        self,
        table: str,
        frames: Mapping[Value, pl.DataFrame],
        keys: Keys,
        by: str = "date",
    ) -> Receipt:
        """Replace partitions of `keys` (value of `by` → rows) in one commit; the receipt is theirs."""
        if not frames:
            raise BadData(
                f"no partition {by} was given for table {table!r}: expected one or more; name them."
            )
        values = texts(keys)
        parts = {}
        for value, frame in frames.items():
            text = text_of(by, value)
            parts[text] = canonical(without_keys(frame, {**values, by: text}, table), table)
        if by == "date":
            check_days(table, parts)
        delta, changed = self._write(table, parts, values, by)
        files = listing(delta, values).filter(pl.col(by).is_in(list(parts)))
        return self._receipt(table, delta, files, [f"{by}={value}" for value in changed])

    def replace_months(
        self, table: str, frame: pl.DataFrame, keys: Keys, since: datetime | None = None
    ) -> Receipt:
        """Replace all months of `keys` by the frame's, rewriting only those whose content changed.

        `since` leaves the months before its own as they are: the frame then holds whole months from there on,
        and an increment costs its own months only. The receipt is of all months of `keys`. Raises BadData for
        a frame without a time column or with rows before the month of `since`.
        """
        values = texts(keys)
        whole = canonical(without_keys(frame, values, table), table)
        months = _months(whole, table)
        floor = since.astimezone(UTC).strftime("%Y-%m") if since is not None else ""
        if months and min(months) < floor:
            raise BadData(
                f"rows for table {table!r} ({named(values)}) begin in {min(months)}: expected none before "
                f"{floor}; pass an earlier `since`."
            )
        known = self._hashes(open_table(self._uri(table), self.storage_options), values, "month")
        gone = {month: whole.head(0) for month in known if month >= floor and month not in months}
        parts = {**months, **gone} or {"1970-01": whole}  # no row at all: still makes an empty table
        delta, changed = self._write(table, parts, values, "month")
        return self._receipt(table, delta, listing(delta, values), [f"month={month}" for month in changed])

    def read(
        self,
        table: str,
        keys: Keys,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        version: int | None = None,
    ) -> pl.DataFrame:
        """Rows of the named partitions in [start, end), sorted by time, without the named partition columns.

        Partition columns that `keys` leaves open come back as text, except date and month. Columns that other
        partitions of the table have and these have not are null. Raises MissingData when no such partition
        exists, BadData when a span is asked of a table without time.
        """
        delta, files = self._found(table, texts(keys), version)
        free = [key for key in partition_keys(delta) if key not in keys and key not in ("date", "month")]
        lazy = scan(delta, within(files, start, end), free, self.storage_options)
        time = time_column(lazy.collect_schema().names())
        if time is None and (start is not None or end is not None):
            raise BadData(f"table {table!r} has no time column: expected no span, found one; leave it out.")
        if start is not None:
            lazy = lazy.filter(pl.col(str(time)) >= start)
        if end is not None:
            lazy = lazy.filter(pl.col(str(time)) < end)
        if columns is not None:
            lazy = lazy.select(*dict.fromkeys([*columns, *([time] if time else [])]))
        rows = lazy.collect()
        if time is not None and not rows[time].is_sorted():
            rows = ordered(rows)
        return rows if columns is None else rows.select(columns)

    def exists(self, table: str, keys: Keys) -> bool:
        """Whether any of the named partitions holds rows."""
        return not self._listing(table, texts(keys)).is_empty()

    def partitions(self, table: str) -> list[dict[str, str]]:
        """Values of every partition that holds rows, sorted; empty for a table never written."""
        files = self._listing(table, {})
        keys = [name for name in files.columns if name not in ("path", "rows", "sha256")]
        return files.select(keys).unique().sort(keys).to_dicts() if keys else []

    def dates(self, table: str, market: str) -> list[date]:
        """Days for which a table partitioned by market and date holds rows of a market, ascending."""
        if self.version(table) is None:
            return []
        files = self._listing(table, {"market": market})
        return [date.fromisoformat(day) for day in files["date"].unique().sort()]

    def months(self, table: str, keys: Keys, version: int | None = None) -> dict[str, str]:
        """Content hash of each month of `keys` in a table that replace_months() writes; empty when there is none."""
        delta = open_table(self._uri(table), self.storage_options, version)
        found = self._hashes(delta, texts(keys), "month")
        return dict(sorted(found.items()))

    def version(self, table: str) -> int | None:
        """Newest version of a table, or None when it was never written."""
        delta = open_table(self._uri(table), self.storage_options)
        return None if delta is None else int(delta.version())

    def row_count(self, table: str, keys: Keys) -> int:
        """Rows of the named partitions, from the table's statistics; 0 when there are none."""
        return int(self._listing(table, texts(keys))["rows"].sum())

    def fingerprint(self, table: str, keys: Keys, version: int | None = None) -> Receipt:
        """The receipt of what the named partitions hold at a version; raises MissingData when nothing."""
        delta, files = self._found(table, texts(keys), version)
        return self._receipt(table, delta, files, ())

    def _uri(self, table: str) -> str:
        return f"{self.root}/{text_of('table', table)}"

    def _listing(self, table: str, values: Mapping[str, str]) -> pl.DataFrame:
        delta = open_table(self._uri(table), self.storage_options)
        return listing(delta, values)

    def _found(
        self, table: str, values: Mapping[str, str], version: int | None
    ) -> tuple[DeltaTable, pl.DataFrame]:
        delta = open_table(self._uri(table), self.storage_options, version)
        files = listing(delta, values)
        if delta is None or files.is_empty():
            raise missing(table, values, len(self.partitions(table)))
        return delta, files

    def _hashes(self, delta: DeltaTable | None, values: Mapping[str, str], by: str) -> dict[str, str]:
        files = listing(delta, values)
        return {} if files.is_empty() else dict(files.select(by, "sha256").iter_rows())

    def _write(
        self, table: str, parts: Mapping[str, pl.DataFrame], values: Mapping[str, str], by: str
    ) -> tuple[DeltaTable, list[str]]:
        """Commit those parts that differ from what is there; returns the table after it and their names."""
        hashes = {name: content_hash(part) if part.height else None for name, part in parts.items()}
        keyed = [
            part.select(pl.lit(hashes[name] or "").alias(HASH), pl.all()).with_columns(
                pl.lit(value).alias(key) for key, value in {**values, by: name}.items()
            )
            for name, part in parts.items()
        ]
        delta = open_or_create(self._uri(table), self.storage_options, keyed[0], [*values, by])
        known = self._hashes(delta, values, by)
        changed = sorted(name for name in parts if known.get(name) != hashes[name])
        if changed:
            rows = [frame for frame, name in zip(keyed, parts, strict=True) if name in changed]
            delta = replace(self._uri(table), self.storage_options, rows, predicate(values, by, changed))
        return delta, changed

    def _receipt(self, table: str, delta: DeltaTable, files: pl.DataFrame, changed: Sequence[str]) -> Receipt:
        keys = partition_keys(delta)
        hashes = {
            named({key: str(row[key]) for key in keys}): str(row["sha256"])
            for row in files.iter_rows(named=True)
        }
        first, last = _span(scan(delta, files, (), self.storage_options))
        return Receipt(
            table=table,
            version=int(delta.version()),
            rows=int(files["rows"].sum()),
            first=first,
            last=last,
            sha256=combined_hash(hashes),
            changed=tuple(changed),
        )


def _months(frame: pl.DataFrame, table: str) -> dict[str, pl.DataFrame]:
    time = time_column(frame.columns)
    if time is None:
        raise BadData(f"rows for table {table!r} have no time: expected a column open_time or time; add it.")
    if frame[time].null_count():
        raise BadData(
            f"rows for table {table!r} need {time!r} in every row, found {frame[time].null_count()} nulls; drop them."
        )
    parts, start = {}, 0
    for rows, month in frame.select(pl.col(time).dt.truncate("1mo").rle().struct.unnest()).iter_rows():
        parts[f"{month:%Y-%m}"] = frame.slice(start, rows)  # a canonical frame is in order: no copy
        start += rows
    return parts


def _span(rows: pl.LazyFrame) -> tuple[datetime | None, datetime | None]:
    time = time_column(rows.collect_schema().names())
    if time is None:
        return None, None
    return rows.select(pl.col(time).min().alias("first"), pl.col(time).max().alias("last")).collect().row(0)
