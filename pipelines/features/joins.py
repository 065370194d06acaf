"""Joining tables of different clocks: a row sees what was known when it became usable, and nothing else.

One rule for hourly context of minute models and for whatever else is recorded at its own times. A bar is known at
its close plus the grace, never at its open: joined by open time an hourly bar shows up to 59 minutes of future.
"""

from datetime import timedelta

import polars as pl

from pipelines.errors import BadData
from pipelines.market.schemas import UTC_US
from pipelines.market.timeframes import GRACE, length_of

_AT = "#known_at"


def last_known(
    moments: pl.Series, table: pl.DataFrame, known_at: pl.Expr, patience: timedelta | pl.Expr
) -> pl.DataFrame:
    """For each moment the row of `table` that was known last by then: the table's columns, one row a moment, in order.

    moments : UTC times, ascending
    known_at : when each row of the table was known, UTC; rows known at the same time count in their order
    patience : a row that has been known for longer is too old, and all of its columns are null
    Raises BadData for moments that are not sorted: they would be joined to the wrong rows.
    """
    if not moments.is_sorted():
        raise BadData("moments of a join must be ascending, found others; sort them by time.")
    known = table.with_columns(known_at.cast(UTC_US).alias(_AT)).sort(_AT, maintain_order=True)
    found = (
        moments.cast(UTC_US)
        .alias("#moment")
        .to_frame()
        .join_asof(known, left_on="#moment", right_on=_AT, strategy="backward", coalesce=False)
    )
    fresh = pl.col("#moment") - pl.col(_AT) <= patience
    return found.select(pl.when(fresh).then(pl.col(name)).alias(name) for name in table.columns)


def context(
    rows: pl.DataFrame, timeframe: str, longer: pl.DataFrame, longer_timeframe: str, prefix: str
) -> pl.DataFrame:
    """`rows` with the columns of the last longer bar that had closed when each row had: hourly context for minutes.

    rows, longer : tables with `open_time`, of bars of their timeframes, one symbol each
    prefix : put before each column of `longer`; its `open_time` becomes `{prefix}open_time`
    All of them are null while no longer bar has closed, or when the one that closed last is no longer the newest
    there could be: over an unknown gap nothing is carried. Raises BadData when the bars are not longer.
    """
    length, reach = length_of(timeframe), length_of(longer_timeframe)
    if reach <= length:
        raise BadData(
            f"context of {timeframe} bars must be of longer ones, found {longer_timeframe}; join bars of one length "
            "by their open time."
        )
    usable = rows["open_time"].cast(UTC_US) + length + GRACE
    # one microsecond short of a bar: when the next longer bar could be known, this one is the newest no more
    patience = reach - timedelta(microseconds=1)
    found = last_known(usable, longer, pl.col("open_time") + reach + GRACE, patience)
    return pl.concat([rows, found.select(pl.all().name.prefix(prefix))], how="horizontal")
