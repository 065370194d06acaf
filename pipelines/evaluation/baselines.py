"""What needs no model: holding the market, and holding cash. Classification baselines live in `confusion`."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from pipelines.errors import MissingData


def buy_and_hold(bars: Mapping[str, pl.DataFrame], start: datetime, end: datetime) -> pl.DataFrame:
    """Growth of 1 in equal parts of every symbol from its first open in [start, end); columns day, growth.

    One row per UTC day, at the day's last close; a symbol without bars on a day keeps its last value, and
    one not yet listed waits as cash. No costs: the baseline is favoured. Raises MissingData when no symbol
    has a bar.
    """
    paths = []
    for symbol in sorted(bars):
        rows = (
            bars[symbol].filter(pl.col("open_time").is_between(start, end, closed="left")).sort("open_time")
        )
        if not rows.is_empty():
            first = rows["open"][0]
            daily = rows.group_by(pl.col("open_time").dt.date().alias("day")).agg(pl.col("close").last())
            paths.append(daily.select("day", (pl.col("close") / first).alias(symbol)))
    if not paths:
        raise MissingData(
            f"no symbol has a bar in [{start}, {end}): expected the bars of the forecasts' span."
        )
    wide = paths[0]
    for path in paths[1:]:
        wide = wide.join(path, on="day", how="full", coalesce=True)
    filled = wide.sort("day").with_columns(pl.exclude("day").forward_fill().fill_null(1.0))
    return filled.select("day", growth=pl.mean_horizontal(pl.exclude("day")))
