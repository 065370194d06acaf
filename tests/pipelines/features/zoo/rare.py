"""Leaks on few rows, and one that is in the times alone."""

import polars as pl

from tests.pipelines.features.zoo.markets import many_minutes
from tests.pipelines.features.zoo.planted import planted

CLOSE, TIME = pl.col("close"), pl.col("open_time")


@planted(row=77, distance=1, bars=many_minutes)
def rare_by_the_clock(bars: pl.DataFrame) -> pl.Expr:
    """One row of 200 shows the next close: a job that runs late at one minute of every 200."""
    minute = TIME.dt.hour().cast(pl.Int64) * 60 + TIME.dt.minute()
    return pl.when(minute % 200 == 77).then(CLOSE.shift(-1)).otherwise(CLOSE)


@planted(row=199, distance=1, bars=many_minutes)
def rare_by_the_chunk(bars: pl.DataFrame) -> pl.Expr:
    """Computed in chunks of 200 rows, the last row of each peeks at the first of the next: 0.5 % of rows."""
    last = pl.int_range(pl.len()) % 200 == 199
    return pl.when(last).then(CLOSE.shift(-1)).otherwise(CLOSE)


@planted(row=0, distance=1)
def seconds_to_the_next_bar(bars: pl.DataFrame) -> pl.Expr:
    """Only the times tell: a bar that knows how long the market will be closed after it."""
    return (TIME.shift(-1) - TIME).dt.total_seconds()
