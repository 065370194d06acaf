"""Candles made of trades where the venue's own candles are missing. Getting the trades is resources/venues."""

from datetime import timedelta
from itertools import pairwise

import polars as pl

from pipelines.market.paging import Span, floor
from pipelines.market.schemas import CANDLES

DAY = timedelta(days=1)


def candles_of(trades: pl.DataFrame, span: Span, length: timedelta) -> pl.DataFrame:
    """CANDLES of TRADES in a span, one row for each bar that has a trade."""
    inside = trades.filter(pl.col("time").is_between(*span, closed="left")).sort("time", "id")
    bar = (pl.col("time").to_physical() // (step := length // timedelta(microseconds=1)) * step).cast(
        CANDLES["open_time"]
    )
    return (
        inside.group_by(bar.alias("open_time"), maintain_order=True)
        .agg(
            pl.col("price").first().alias("open"),
            pl.col("price").max().alias("high"),
            pl.col("price").min().alias("low"),
            pl.col("price").last().alias("close"),
            pl.col("amount").sum().alias("volume"),
        )
        .select(*CANDLES)
    )


def by_day(span: Span) -> list[Span]:
    """A span cut at UTC midnights."""
    start, end = span
    edges = [start, *(floor(start, DAY) + DAY * place for place in range(1, (end - start) // DAY + 2)), end]
    inside = sorted({edge for edge in edges if start <= edge <= end})
    return list(pairwise(inside))
