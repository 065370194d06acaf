"""Parsers of trades, order books and candles: from the bytes of a file to accepted and quarantined rows.

Columns are found by header name. A row that breaks a rule is set aside with its line, reason and text, never
repaired and never dropped silently: rows sent = accepted + quarantined. What a file as a whole may look like
is in plausibility.py; which files there are, and which day a row belongs to, is resources/sources/files.py.
Ticks are read by tardis/ (Tardis CSV, timestamps in whole microseconds since the epoch, UTC), block by block
where a file may be long. Candle files: candle_files.py.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import polars as pl

from pipelines.market.rows import EARLIEST, Parsed, Rule, not_negative, positive
from pipelines.market.tardis.kinds import CLOCK_SLACK as CLOCK_SLACK
from pipelines.market.tardis.layouts import layout_of
from pipelines.market.tardis.stream import parse


def parse_trades(raw: bytes | Iterable[bytes], file: str, window: tuple[datetime, datetime]) -> Parsed:
    """TRADES of a Tardis `trades` CSV, whole or in pieces, with a venue time in [start, end) of `window` (end ≤ now).

    `id` is null in every row when fewer than half of the ids are whole numbers: the venue has none, and the
    caller numbers the rows by arrival. Raises BadData for an empty file or a missing column.
    """
    return parse(raw, layout_of("trades"), file, window)


def parse_order_book(
    raw: bytes | Iterable[bytes], file: str, window: tuple[datetime, datetime], levels: int
) -> Parsed:
    """ORDER_BOOK of a Tardis `book_snapshot_5` or `_25` CSV, the best ten levels; see parse_trades.

    A snapshot may have fewer levels (empty at the end of a side) and may be crossed: the minute bars exclude
    and count crossed states. It may not have holes, unsorted prices, or numbers that are not positive.
    """
    return parse(raw, layout_of(f"book_snapshot_{levels}"), file, window)


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
