"""Rows of venues' candles as a table of texts and numbers, whatever they hold. Judging them is candle_answers.py."""

from typing import Any

import polars as pl

from pipelines.market.rows import number
from pipelines.market.schemas import UTC_US
from pipelines.market.text_table import FLAW, LINE

VALUES = ("open", "high", "low", "close", "volume")
FIELDS: dict[str, tuple[str | int, ...]] = {
    "coinbase": ("start", "open", "high", "low", "close", "volume"),
    "kraken": (0, 1, 2, 3, 4, 6),
    "hyperliquid": ("t", "o", "h", "l", "c", "v"),
    "alpaca": ("t", "o", "h", "l", "c", "v"),
}
"""Where stamp, prices and volume stand in a row; ccxt's own rows are lists in this order, stamped in ms."""
MICROS = {"coinbase": 1_000_000, "kraken": 1_000_000}
LATEST = 10**17
"""No stamp in microseconds lies beyond the year 5138; larger numbers are broken and must not overflow."""


def candle_table(rows: list[Any], venue: str, before: int) -> pl.DataFrame:
    """Rows as CANDLES with their texts beside them (`#open`), LINE (from `before` + 1) and FLAW."""
    fields = FIELDS.get(venue, (0, 1, 2, 3, 4, 5))
    texts = [_texts(row, fields) for row in rows]
    names = ("#stamp", *(f"#{name}" for name in VALUES))
    columns: dict[str, pl.Series] = {
        name: pl.Series([text[place] if text else None for text in texts], dtype=pl.String)
        for place, name in enumerate(names)
    }
    closes = [row.get("T") if isinstance(row, dict) else None for row in rows]
    whole = [stamp if type(stamp) is int and 0 <= stamp < LATEST else None for stamp in closes]
    table = pl.DataFrame(
        {
            **columns,
            "#close_stamp": pl.Series(whole, dtype=pl.Int64),
            LINE: pl.Series(range(before + 1, before + len(rows) + 1), dtype=pl.Int64),
            FLAW: pl.Series(
                [None if text else f"is no row of {venue}'s candles" for text in texts], dtype=pl.String
            ),
        }
    )
    numbers = (number(f"#{name}").alias(name) for name in VALUES)
    return table.with_columns(_time(venue).alias("open_time"), *numbers)


def has_fields(row: Any, fields: tuple[str | int, ...]) -> bool:
    """Whether a row, of any JSON type, has all the fields of a candle."""
    if isinstance(row, dict):
        return all(field in row for field in fields)
    return isinstance(row, list | tuple) and isinstance(fields[-1], int) and len(row) > fields[-1]


def _texts(row: Any, fields: tuple[str | int, ...]) -> list[str | None] | None:
    """The fields of a row as text (None: no number and no text); None when the row has not these fields."""
    return [_text(row[field]) for field in fields] if has_fields(row, fields) else None


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _time(venue: str) -> pl.Expr:
    stamp = pl.col("#stamp")
    if venue == "alpaca":
        offset = stamp.str.replace(r"Z$", "+00:00")
        return offset.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", strict=False).cast(UTC_US)
    unit = MICROS.get(venue, 1000)
    whole = stamp.cast(pl.Int64, strict=False)
    return (pl.when(whole.is_between(0, LATEST // unit)).then(whole) * unit).cast(UTC_US)
