"""Days of ticks as a few numbers each, and what they say of ids, books and clocks. Ticks are read a day at a time.

A day's trades may be millions; its summary is one row and a histogram of delays, and those add up.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from pipelines.market.trade_ids import BY_ARRIVAL, DENSE, RUNNING, UNTOLD, convention_of

TICK_DAYS: dict[str, pl.DataType | type[pl.DataType]] = {
    "date": pl.Date,
    "trades": pl.Int64,
    "ids": pl.Int64,  # distinct trade ids
    "id_range": pl.Int64,  # last id - first id + 1
    "first_id": pl.Int64,  # the lowest
    "last_id": pl.Int64,  # the highest
    "numbering": pl.String,  # running | daily | by arrival | untold: see pipelines.market.trade_ids
    "disordered": pl.Int64,  # trades whose id is not above the one before them in time
    "books": pl.Int64,  # snapshots with both sides, those included that were left out
    "crossed": pl.Int64,  # of these: best bid above best ask, or left out by the source because crossed or locked
    "locked": pl.Int64,  # of these: best bid equal to best ask
}
DELAYS: dict[str, pl.DataType | type[pl.DataType]] = {
    "seconds": pl.Float64,  # local minus exchange time, rounded to three significant digits
    "count": pl.Int64,
}


def tick_day(
    day: date,
    trades: pl.DataFrame,
    book: pl.DataFrame,
    venue: str = "",
    left_out: int = 0,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One row of TICK_DAYS, and the day's DELAYS.

    venue : of the market's name; it may be known how it numbers its trades
    left_out : crossed or locked states that the source left out of the book
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
        "first_id": ids.min(),
        "last_id": ids.max(),
        "numbering": convention_of(venue, ids),
        "disordered": int((ids.diff() <= 0).sum()),
        "books": sides.height + left_out,
        "crossed": int((sides["bid_price_1"] > sides["ask_price_1"]).sum()) + left_out,
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
    """All TICK_DAYS of a market that counts its trades without gaps, and none of any other.

    With `expected`: the ids from the last one of the day before, where that day is there and the ids run on over
    midnight, else from the day's first, to its last; and `missing`: the share of these that are not there. A market
    counts so by its venue's convention; where nobody knows that, by its best day, and over midnight by its best night.
    """
    counted = days.filter((pl.col("trades") > 0) & (pl.col("numbering") != BY_ARRIVAL)).sort("date")
    if not (counted["numbering"] != UNTOLD).all() and not _dense_by_best(counted):
        counted = counted.head(0)
    beside = pl.col("date").diff() == pl.duration(days=1)
    between = (pl.col("first_id") - pl.col("last_id").shift() - 1).clip(lower_bound=0)
    nights = counted.with_columns(pl.when(beside).then(between).alias("between"))
    share = pl.col("between") / (pl.col("between") + pl.col("ids") + pl.col("ids").shift())
    on_and_on = (pl.col("numbering") == RUNNING) | (
        (pl.col("numbering") == UNTOLD) & (share.min() <= 1.0 - DENSE)
    )
    lost = pl.when(on_and_on).then(pl.col("between")).otherwise(0).fill_null(0)
    judged = nights.with_columns((pl.col("id_range") + lost).alias("expected")).drop("between")
    return judged.with_columns((1.0 - pl.col("ids") / pl.col("expected")).alias("missing"))


def _dense_by_best(days: pl.DataFrame) -> bool:
    """Whether the best day has most of its ids; a day of few trades beside large ones says nothing."""
    busy = days.filter((pl.col("trades") > 1) & (2 * pl.col("trades") >= pl.col("trades").median()))
    return bool((busy["ids"] >= DENSE * busy["id_range"]).any())


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
