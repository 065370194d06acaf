"""Exchange times of book states that never fall in the order of arrival. Building the states is books.py.

A venue that stamps out of order says of a later state that it is older than the one before. Sorted by such stamps the
older state would stand again: a removed level came back. So each state stands from the latest moment told so far.
"""

from datetime import datetime, timedelta

import polars as pl

AHEAD = timedelta(minutes=1)
"""A stamp further ahead of the recorder's clock is broken and moves no other state."""


class Ordering:
    """The latest believable exchange time so far; carried over blocks and files."""

    def __init__(self) -> None:
        self._latest: datetime | None = None

    def stamped(self, book: pl.DataFrame) -> pl.DataFrame:
        """ORDER_BOOK rows in the order of arrival, each with the latest exchange time up to it."""
        believed = (pl.col("time") <= pl.col("local_time") + AHEAD).fill_null(True)
        told = pl.when(believed).then(pl.col("time"))
        before = pl.lit(self._latest, book.schema["time"])
        latest = pl.max_horizontal(told.cum_max().forward_fill(), before)
        stamped = book.with_columns(latest.fill_null(pl.col("time")).alias("time"))
        highest = book.select(pl.max_horizontal(told.max(), before)).item() if book.height else None
        self._latest = highest or self._latest
        return stamped
