"""What the fields of tick files can be: their type, the value they mean and what must hold for it.

Which dataset has which fields is layouts.py. A value that breaks its rule sets its whole row aside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from pipelines.market.rows import EARLIEST, HIGHEST, LOWEST
from pipelines.market.schemas import UTC_US

Window = tuple[datetime, datetime]
"""Exchange times that rows may have: [start, end), end not after now."""
CLOCK_SLACK = timedelta(days=1)
"""A recorder's clock may be wrong by minutes; a local time further ahead of now is a broken row."""
RAW = "@"
"""Prefix of a field as it stands in the file."""


@dataclass(frozen=True)
class Kind:
    """How a field is read; `holds` gets the field as it stands, its value and the window."""

    dtype: type[pl.DataType]  # of the fast reading
    value: Callable[[pl.Expr], pl.Expr]
    holds: Callable[[pl.Expr, pl.Expr, Window], pl.Expr] | None
    reason: Callable[[str, Window], str] = lambda name, _: name
    exact: bool = False  # a decimal that must survive float64


def _instant(raw: pl.Expr) -> pl.Expr:
    return raw.cast(pl.Int64, strict=False).cast(UTC_US)


def _number(raw: pl.Expr) -> pl.Expr:
    return raw.cast(pl.Float64, strict=False)


def _coded(**codes: int) -> Callable[[pl.Expr], pl.Expr]:
    def value(raw: pl.Expr) -> pl.Expr:
        found: pl.Expr = pl.lit(None, pl.Int8)
        for text, code in codes.items():
            found = pl.when(raw == text).then(pl.lit(code, pl.Int8)).otherwise(found)
        return found

    return value


def _positive(value: pl.Expr) -> pl.Expr:
    return value.is_between(LOWEST, HIGHEST)


def _plausible(value: pl.Expr, window: Window) -> pl.Expr:
    return value.is_between(EARLIEST, window[1] + CLOCK_SLACK)


def _not_positive(name: str, _: Window) -> str:
    return f"{name} is not a positive finite number up to 1e15"


EVENT_TIME = Kind(
    pl.Int64,
    _instant,
    lambda raw, value, window: value.is_between(*window, closed="left"),
    lambda name, window: (
        f"timestamp is not in microseconds of {window[0]:%Y-%m-%d %H:%M} to {window[1]:%Y-%m-%d %H:%M}"
    ),
)
LOCAL_TIME = Kind(
    pl.Int64,
    _instant,
    lambda raw, value, window: raw.is_null() | _plausible(value, window),
    lambda name, window: "local_timestamp is not in microseconds of a plausible time",
)
LATER_TIME = Kind(
    pl.Int64,
    _instant,
    lambda raw, value, window: raw.is_null() | value.is_between(EARLIEST, window[1] + timedelta(days=400)),
    lambda name, window: f"{name} is not in microseconds of a plausible time",
)
"""A moment that may lie ahead of the event: the next funding."""
ID = Kind(pl.Int64, lambda raw: raw.cast(pl.Int64, strict=False), None)
TRADE_SIDE = Kind(
    pl.String,
    _coded(buy=1, sell=-1),
    lambda raw, value, window: value.is_not_null(),
    lambda name, window: "side is neither buy nor sell",
)
BOOK_SIDE = Kind(
    pl.String,
    _coded(bid=1, ask=-1),
    lambda raw, value, window: value.is_not_null(),
    lambda name, window: "side is neither bid nor ask",
)
FLAG = Kind(
    pl.String,
    lambda raw: pl.when(raw == "true").then(True).when(raw == "false").then(False),
    lambda raw, value, window: value.is_not_null(),
    lambda name, window: f"{name} is neither true nor false",
)
POSITIVE = Kind(pl.Float64, _number, lambda raw, value, window: _positive(value), _not_positive, exact=True)
POSITIVE_OR_EMPTY = Kind(
    pl.Float64,
    _number,
    lambda raw, value, window: raw.is_null() | _positive(value),
    _not_positive,
    exact=True,
)
ZERO_OR_MORE = Kind(
    pl.Float64,
    _number,
    lambda raw, value, window: (value == 0) | _positive(value),
    lambda name, window: f"{name} is not a finite number from 0 to 1e15",
    exact=True,
)
RATE_OR_EMPTY = Kind(
    pl.Float64,
    _number,
    lambda raw, value, window: raw.is_null() | value.is_between(-HIGHEST, HIGHEST),
    lambda name, window: f"{name} is not a finite number",
)
