"""Days of ticks as a few numbers each, and what they say of ids, books and clocks. Ticks are read a day at a time.

A day's trades may be millions; its summary is one row and a histogram of delays, and those add up.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

TICK_DAYS: dict[str, pl.DataType | type[pl.DataType]] = {
    "date": pl.Date,
    "trades": pl.Int64,
    "ids": pl.Int64,  # distinct trade ids
    "id_range": pl.Int64,  # last id - first id + 1
    "disordered": pl.Int64,  # trades whose id is not above the one before them in time
    "books": pl.Int64,  # snapshots with both sides
    "crossed": pl.Int64,  # of these: best bid above best ask
    "locked": pl.Int64,  # of these: best bid equal to best ask
}
DELAYS: dict[str, pl.DataType | type[pl.DataType]] = {
    "seconds": pl.Float64,  # local minus exchange time, rounded to three significant digits
    "count": pl.Int64,
}
DENSE = 0.5
"""A venue counts its trades without gaps where so many of the ids between a day's first and last are there."""


def tick_day(day: date, trades: pl.DataFrame, book: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row of TICK_DAYS, and the day's DELAYS.

    trades : TRADES of the day (time, local_time and id are read), may be empty
    book : ORDER_BOOK of the day (time, local_time and best prices are read), may be empty
    """
    ids = trades.sort("time", maintain_order=True)["id"]
    sides = book.filter(pl.col("bid_price_1").is_not_null() & pl.col("ask_price_1").is_not_null())
    row = {
        "date": day,
        "trades": trades.height,
        "ids": ids.n_unique(),
        "id_range": int(ids.max() - ids.min()) + 1 if len(ids) else 0,  # type: ignore[operator, arg-type]
        "disordered": int((ids.diff() <= 0).sum()),
        "books": sides.height,
        "crossed": int((sides["bid_price_1"] > sides["ask_price_1"]).sum()),
        "locked": int((sides["bid_price_1"] == sides["ask_price_1"]).sum()),
    }
    return pl.DataFrame([row], schema=TICK_DAYS), _delays([trades, book])


def add_delays(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """DELAYS of several days together, ascending."""
    together = pl.concat([pl.DataFrame(schema=DELAYS), *parts])
    return together.group_by("seconds").agg(pl.col("count").sum()).sort("seconds")


def quantile(delays: pl.DataFrame, q: float) -> float:
    """The smallest delay in seconds that a share q of the events does not exceed; NaN without any."""
    if delays.is_empty():
        return float("nan")
    ordered = delays.sort("seconds")
    reached = np.searchsorted(ordered["count"].cum_sum().to_numpy(), q * float(ordered["count"].sum()))
    return float(ordered["seconds"][min(int(reached), ordered.height - 1)])


def dense(days: pl.DataFrame) -> pl.DataFrame:
    """The days on which ids are dense, with `missing`: the share of ids that are not there."""
    judged = days.filter((pl.col("trades") > 1) & (pl.col("ids") >= DENSE * pl.col("id_range")))
    return judged.with_columns((1.0 - pl.col("ids") / pl.col("id_range")).alias("missing"))


def _delays(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    late = pl.concat(
        [
            frame.select((pl.col("local_time") - pl.col("time")).dt.total_microseconds().alias("us"))
            for frame in frames
        ]
    ).drop_nulls()
    seconds = late.select((pl.col("us") / 1e6).round_sig_figs(3).alias("seconds"))
    counted = seconds.group_by("seconds").agg(pl.len().cast(pl.Int64).alias("count"))
    return counted.sort("seconds")
