"""What the tests of the leak detector share: names of columns, and a feature made of one expression."""

from collections.abc import Callable
from datetime import timedelta

import polars as pl

CLOSE, TIME = pl.col("close"), pl.col("open_time")
MINUTE = timedelta(minutes=1)


def column(expression: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """A function of bars with one feature, `found`."""
    return lambda bars: bars.select("open_time", found=expression)
