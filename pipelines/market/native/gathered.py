"""What one pass over messages gathers, and what it is when the pass is over. No exchange is known here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import polars as pl

from pipelines.market.rows import QUARANTINE, STANDING
from pipelines.market.schemas import UTC_US
from pipelines.market.text_table import LINE

UPDATES: dict[str, pl.DataType | type[pl.DataType]] = {
    "timestamp": pl.Int64,  # exchange time, microseconds
    "local_timestamp": pl.Int64,  # the recorder's clock, microseconds
    "is_snapshot": pl.Boolean,
    "side": pl.String,  # bid | ask
    "price": pl.String,
    "amount": pl.String,  # of the whole level; 0 removes it
}
"""Book updates in the columns of Tardis' incremental_book_L2, in the order in which they are to be applied."""
QUOTES: dict[str, pl.DataType | type[pl.DataType]] = {
    "time": UTC_US,
    "local_time": UTC_US,
    "update_id": pl.Int64,
    **{f"{side}_{what}": pl.Float64 for side in ("bid", "ask") for what in ("price", "amount")},
}
"""The venue's own stream of best prices: a second witness of the rebuilt book."""
INVALID: dict[str, pl.DataType | type[pl.DataType]] = {
    "time": UTC_US,  # first moment at which the book is not known
    "end": UTC_US,  # exclusive: the next snapshot, or the last message when none came
    "reason": pl.String,
}
"""Spans in which the book says nothing, because an update is missing."""


@dataclass(frozen=True)
class Normalised:
    """Messages of one symbol as tables; every row sent is somewhere in it."""

    trades: pl.DataFrame  # TRADES, sorted by (time, id)
    updates: pl.DataFrame  # UPDATES, in the order of application
    quotes: pl.DataFrame  # QUOTES, in the order of arrival
    quarantine: pl.DataFrame  # QUARANTINE; `line` is the 1-based number of the message
    invalid: pl.DataFrame  # INVALID, by time
    sent: int  # trades, levels, quotes and unreadable messages that came
    levels: int  # price levels that are in `updates`
    unusable: int  # levels that no snapshot carries: before the first, or between a gap and the next
    repeats: int  # trades that came again with equal values
    missing_ids: int  # trade ids skipped where the venue numbers them densely
    out_of_order: int  # trades that came after a younger one
    notes: tuple[str, ...] = field(default=())
    messages: int = 0  # that should have said something: not heartbeats, answers and other channels
    unknown: int = 0  # of these: of a shape that nobody here reads
    first: str = ""  # how the first unknown one begins, else the first one

    @property
    def accounted(self) -> int:
        """Rows whose fate is known; equals `sent`."""
        return (
            self.trades.height
            + self.levels
            + self.quotes.height
            + self.quarantine.height
            + self.unusable
            + self.repeats
        )

    @property
    def delay(self) -> timedelta | None:
        """Median of the recorder's clock minus the exchange's; negative when the recorder's runs behind."""
        delays = [
            self.trades.select((pl.col("local_time") - pl.col("time")).alias("delay")),
            self.updates.select(
                (pl.col("local_timestamp") - pl.col("timestamp")).cast(pl.Duration("us")).alias("delay")
            ),
        ]
        median = pl.concat(delays)["delay"].median()
        return median if isinstance(median, timedelta) else None


class Refused:
    """Rows and messages that are set aside, each with its reason."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.rows: list[tuple[str, int, str, str]] = []

    def add(self, line: int, reason: str, what: Any) -> None:
        """Set one row aside; `what` is its text, or what to make one of."""
        text = what if isinstance(what, str) else ",".join("" if part is None else str(part) for part in what)
        self.rows.append((self.file, line, reason, text[:500]))

    def drain(self) -> pl.DataFrame:
        """QUARANTINE of what was added since the last drain."""
        rows, self.rows = self.rows, []
        return table(rows, QUARANTINE)


def table(
    rows: Sequence[tuple[Any, ...]], schema: dict[str, pl.DataType | type[pl.DataType]]
) -> pl.DataFrame:
    """Rows as a table; times are given as microseconds."""
    plain = {name: pl.Int64 if dtype == UTC_US else dtype for name, dtype in schema.items()}
    frame = pl.DataFrame(rows, schema=plain, orient="row")
    return frame.with_columns(pl.col(name).cast(dtype) for name, dtype in schema.items() if dtype == UTC_US)


def standing(quarantine: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """QUARANTINE plus STANDING of one file: the time of the accepted row (with LINE) before each refused one.

    A refused row before the first accepted one stands at that one's time.
    """
    known = rows.select(LINE, pl.col("time").alias(STANDING)).sort(LINE)
    placed = (
        quarantine.with_row_index("#order")
        .sort("line")
        .join_asof(known, left_on="line", right_on=LINE, strategy="backward")
    )
    first = known[STANDING].first() if known.height else None
    filled = placed.with_columns(pl.col(STANDING).fill_null(pl.lit(first, UTC_US))).sort("#order")
    return filled.select(*QUARANTINE, STANDING)
