"""Parsers of trades, order books and candles: from the bytes of a file to accepted and quarantined rows.

Columns are found by header name. A row that breaks a rule is set aside with its line, reason and text, never
repaired and never dropped silently: rows sent = accepted + quarantined. What a file as a whole may look like
is in plausibility.py; which files there are, and which day a row belongs to, is resources/sources/files.py.
Layout: Tardis CSV, timestamps in whole microseconds since the epoch, UTC. Candle files: candle_files.py.
"""

from datetime import datetime, timedelta

import polars as pl

from pipelines.market.rows import (
    EARLIEST,
    Parsed,
    Rule,
    exact,
    judge,
    not_negative,
    number,
    positive,
    quarantine,
)
from pipelines.market.schemas import BOOK_LEVELS, ORDER_BOOK, TRADES, UTC_US
from pipelines.market.text_table import LINE, raw_lines, text_table

STAMPS = ("exchange", "symbol", "timestamp", "local_timestamp")
TRADE_COLUMNS = (*STAMPS, "id", "side", "price", "amount")
SIDES = {"buy": 1, "sell": -1}
CLOCK_SLACK = timedelta(days=1)
"""A recorder's clock may be wrong by minutes; a local time further ahead of now is a broken row."""


def parse_trades(raw: bytes, file: str, window: tuple[datetime, datetime]) -> Parsed:
    """TRADES of a Tardis `trades` CSV whose exchange time lies in [start, end) of `window` (end ≤ now).

    `id` is null in every row when fewer than half of the ids are whole numbers: the venue has none, and the
    caller numbers the rows by arrival. Raises BadData for an empty file or a missing column.
    """
    table = text_table(raw, file, TRADE_COLUMNS)
    ids = table["id"].cast(pl.Int64, strict=False)
    numbered = table.height > 0 and 2 * ids.null_count() <= table.height
    label, same = _label(table)
    table = table.with_columns(
        *_times(),
        (ids if numbered else pl.lit(None, pl.Int64)).alias("id"),
        pl.col("side").replace_strict(SIDES, default=None, return_dtype=pl.Int8),
        number("price"),
        number("amount"),
        pl.col("price").alias("#price"),
        pl.col("amount").alias("#amount"),
    )
    rules = [
        *_time_rules(window),
        same,
        *([(pl.col("id").is_not_null(), "id is not a whole number as the others are")] if numbered else []),
        (pl.col("side").is_not_null(), "side is neither buy nor sell"),
        positive("price"),
        positive("amount"),
        *exact(table, "price", "#price"),
        *exact(table, "amount", "#amount"),
    ]
    return _parsed(table, raw, file, rules, [*TRADES], label)


def parse_order_book(raw: bytes, file: str, window: tuple[datetime, datetime], levels: int) -> Parsed:
    """ORDER_BOOK of a Tardis `book_snapshot_5` or `_25` CSV, the best ten levels; see parse_trades.

    A snapshot may have fewer levels (empty at the end of a side) and may be crossed: the minute bars exclude
    and count crossed states. It may not have holes, unsorted prices, or numbers that are not positive.
    """
    depth = min(levels, BOOK_LEVELS)
    places = [
        (f"{side}s[{level}].{what}", f"{side}_{what}_{level + 1}")
        for level in range(depth)
        for side in ("ask", "bid")
        for what in ("price", "amount")
    ]
    table = text_table(raw, file, [*STAMPS, *(source for source, _ in places)])
    label, same = _label(table)
    texts = table
    table = table.with_columns(*_times(), *(number(source).alias(name) for source, name in places))
    table = table.with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in ORDER_BOOK if name not in table.columns
    )
    rules = [*_time_rules(window), same]
    for source, name in places:
        empty, (holds, reason) = pl.col(source).is_null(), positive(name)
        rules += [(empty | holds, reason), *exact(texts, name, source)]
    rules += [rule for side in ("ask", "bid") for rule in _ladder_rules(side, depth)]
    return _parsed(table, raw, file, rules, [*ORDER_BOOK], label)


def candle_rules(timeframe_length: timedelta, now: datetime) -> list[Rule]:
    """What must hold for a row of CANDLES: a closed bar on the grid whose low and high enclose it."""
    time, length = pl.col("open_time"), timeframe_length // timedelta(microseconds=1)
    low, high = pl.col("low"), pl.col("high")
    return [
        (
            time.is_between(EARLIEST, now - timeframe_length),
            f"open_time is no time, before {EARLIEST.year}, or of a bar that has not closed",
        ),
        (time.to_physical() % length == 0, "open_time is not a multiple of the timeframe"),
        *(positive(name) for name in ("open", "high", "low", "close")),
        not_negative("volume"),
        (
            (low <= pl.min_horizontal("open", "close")) & (high >= pl.max_horizontal("open", "close")),
            "low and high do not enclose open and close",
        ),
    ]


def _times() -> tuple[pl.Expr, pl.Expr]:
    return tuple(  # type: ignore[return-value]
        pl.col(source).cast(pl.Int64, strict=False).cast(UTC_US).alias(name)
        for source, name in (("timestamp", "time"), ("local_timestamp", "local_time"))
    )


def _time_rules(window: tuple[datetime, datetime]) -> list[Rule]:
    start, end = window
    local = pl.col("local_time")
    return [
        (
            pl.col("time").is_between(start, end, closed="left"),
            f"timestamp is not in microseconds of {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}",
        ),
        (
            pl.col("local_timestamp").is_null() | local.is_between(EARLIEST, end + CLOCK_SLACK),
            "local_timestamp is not in microseconds of a plausible time",
        ),
    ]


def _label(table: pl.DataFrame) -> tuple[str, Rule]:
    """The exchange and symbol that most rows name, and the rule that all do."""
    pair = pl.concat_str("exchange", "symbol", separator=" ")
    counted = table.select(pair.alias("pair")).drop_nulls()["pair"].value_counts().sort("count", "pair")
    label = str(counted["pair"][-1]) if counted.height else ""
    return label, (pair == label, f"exchange and symbol are not {label} as in most rows")


def _ladder_rules(side: str, depth: int) -> list[Rule]:
    rules: list[Rule] = []
    for level in range(1, depth + 1):
        price, amount = pl.col(f"{side}_price_{level}"), pl.col(f"{side}_amount_{level}")
        rules.append(
            (price.is_null() == amount.is_null(), f"{side} level {level} has a price or amount alone")
        )
        if level > 1:
            before = pl.col(f"{side}_price_{level - 1}")
            worse = price > before if side == "ask" else price < before
            rules.append(
                (price.is_null() | before.is_not_null(), f"{side} level {level} follows an empty level")
            )
            rules.append((price.is_null() | worse, f"{side} prices are not sorted from the best"))
    return rules


def _parsed(
    table: pl.DataFrame, raw: bytes, file: str, rules: list[Rule], columns: list[str], label: str
) -> Parsed:
    good, bad = judge(table, "time", rules)
    return Parsed(
        rows=good.select(*columns, LINE),
        quarantine=quarantine(bad, file, raw_lines(raw, bad[LINE].to_list()) if bad.height else ()),
        label=label,
    )
