"""Partition values, their predicates and the sentences that name them. No table is touched here."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime

import polars as pl

from pipelines.errors import BadData, MissingData
from resources.lake.content import time_column

Keys = Mapping[str, str | date]
VALUE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$")
"""What a partition value may be: safe in a path, in a predicate and in a Dagster partition key."""
DERIVED = ("month",)
"""Partition columns that the lake makes itself; no Dagster partition key holds them."""


def texts(keys: Keys) -> dict[str, str]:
    """Partition values as the lake stores them (dates as YYYY-MM-DD); raises BadData for unsafe ones."""
    return {name: text_of(name, value) for name, value in keys.items()}


def text_of(name: str, value: str | date) -> str:
    """One partition value as text; raises BadData for one that cannot name a folder."""
    text = value.isoformat() if isinstance(value, date) else value
    if isinstance(value, datetime) or not VALUE.match(text):
        raise BadData(
            f"partition value {value!r} of {name} cannot name a folder: expected letters, digits, '.', '_' "
            "and '-'; correct it."
        )
    return text


def named(values: Mapping[str, str]) -> str:
    """`symbol=BTC-USD, month=2026-03`."""
    return ", ".join(f"{name}={value}" for name, value in values.items())


def predicate(values: Mapping[str, str], by: str, among: Iterable[str]) -> str:
    """SQL predicate that selects exactly these partitions: fixed values, and `by` among the given ones."""
    terms = [f"{name} = '{value}'" for name, value in values.items()]
    return " AND ".join([*terms, f"{by} IN ({', '.join(repr(value) for value in sorted(among))})"])


def missing(table: str, values: Mapping[str, str], others: int) -> MissingData:
    """The error for partitions that are not there, with the command that makes them."""
    dagster_key = "|".join(values[name] for name in sorted(values) if name not in DERIVED)
    partition = f" --partition '{dagster_key}'" if dagster_key else ""
    return MissingData(
        f"table {table!r} has nothing for {named(values) or 'any partition'}: expected it to be "
        "materialised, "
        f"found {others} other partitions; run `dagster asset materialize -m schedules.research "
        f"--select {table}{partition}`."
    )


def check_days(table: str, frames: Mapping[str, pl.DataFrame]) -> None:
    """Raise BadData when a row of a dated partition lies outside its UTC day: reads prune by that day."""
    for day, frame in frames.items():
        time = time_column(frame.columns)
        if time is None or frame.is_empty():
            continue
        first, last = (str(moment)[:10] for moment in (frame[time].min(), frame[time].max()))
        if not first == last == day:
            raise BadData(
                f"partition date={day} of table {table!r} was given rows of {first} to {last}: expected rows "
                "of that UTC day only; split them by day."
            )


def without_keys(frame: pl.DataFrame, values: Mapping[str, str], table: str) -> pl.DataFrame:
    """The frame without partition columns; raises BadData when one contradicts its partition."""
    for name, value in values.items():
        if name in frame.columns and not frame[name].cast(pl.String).eq_missing(value).all():
            raise BadData(
                f"column {name!r} of the rows for table {table!r} differs from its partition: expected only "
                f"{value!r}, found {frame[name].unique().head(3).to_list()}; write each value separately."
            )
    return frame.drop(values.keys(), strict=False)
