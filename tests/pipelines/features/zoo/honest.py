"""Functions that look like the leaks beside them and are none: each would be a false alarm."""

import sys
from datetime import timedelta

import numpy as np
import polars as pl

from tests.pipelines.features.zoo import markets
from tests.pipelines.features.zoo.planted import MINUTE, found_in, planted
from tests.pipelines.features.zoo.training import HORIZON

CLOSE, TIME = pl.col("close"), pl.col("open_time")
QUARTER = timedelta(minutes=15)


@planted()
def exponential_average(bars: pl.DataFrame) -> pl.Expr:
    """It never forgets, and no gap restarts it."""
    return CLOSE.ewm_mean(span=20, adjust=False)


@planted()
def rolling_deviation(bars: pl.DataFrame) -> pl.Expr:
    """A running sum keeps dust of old rows, none of later ones."""
    return CLOSE.rolling_std(30)


@planted()
def expanding_z_score(bars: pl.DataFrame) -> pl.Expr:
    """Mean and deviation of what was known."""
    count = pl.int_range(1, pl.len() + 1)
    mean = CLOSE.cum_sum() / count
    return (CLOSE - mean) / ((CLOSE - mean) ** 2).cum_sum().sqrt()


@planted()
def last_trade(bars: pl.DataFrame) -> pl.Expr:
    """Filled from before."""
    return pl.col("price_mean").forward_fill()


@planted()
def weighted_rows(bars: pl.DataFrame) -> pl.Series:
    """A matrix product in float32: its last bits depend on how many rows there are."""
    rows = bars.select("open", "high", "low", "close", "volume").to_numpy().astype(np.float32)
    weights = np.random.default_rng(8).normal(size=(5, 7)).astype(np.float32)
    return pl.Series((rows @ weights).sum(axis=1))


@planted()
def hour_so_far(bars: pl.DataFrame) -> pl.Expr:
    """The maximum since the hour began."""
    return pl.col("high").cum_max().over(TIME.dt.truncate("1h"))


@planted(hourly=markets.hours)
def hour_that_closed_last(bars: pl.DataFrame, hourly: pl.DataFrame) -> pl.Series:
    """The hour is joined when it is over."""
    known = hourly.with_columns((TIME + markets.HOUR).alias("usable")).drop("open_time")
    return bars.select((TIME + MINUTE).alias("usable")).join_asof(known, on="usable").get_column("hour_close")


@planted(bars=markets.quarters, usable_after=QUARTER, daily=markets.days)
def close_of_yesterday(bars: pl.DataFrame, daily: pl.DataFrame) -> pl.Series:
    """The daily series moved to when it is known."""
    day = bars.select((TIME.dt.truncate("1d") - timedelta(days=1)).alias("day"))
    return day.join(daily, on="day", how="left", maintain_order="left").get_column("day_close")


@planted(funding=markets.funding)
def funding_by_its_stamp(bars: pl.DataFrame, funding: pl.DataFrame) -> pl.Series:
    """The stamp as recorded."""
    return bars.select((TIME + MINUTE).alias("stamp")).join_asof(funding, on="stamp").get_column("rate")


@planted(seen=markets.candles)
def first_seen(bars: pl.DataFrame, seen: pl.DataFrame) -> pl.Series:
    """The first version of each candle, whatever was revised later."""
    first = seen.sort("recorded", maintain_order=True).unique("minute", keep="first")
    wanted = bars.select(TIME.alias("minute"))
    return wanted.join(first, on="minute", how="left", maintain_order="left").get_column("seen_close")


@planted(bars=markets.quarters, usable_after=QUARTER, fills=markets.fills, profits=markets.profits)
def best_wallet_of_the_day_before(
    bars: pl.DataFrame, fills: pl.DataFrame, profits: pl.DataFrame
) -> pl.Series:
    """Ranked on the day before."""
    later = profits.with_columns(pl.col("day") + timedelta(days=1))
    best = later.sort("profit", descending=True, nulls_last=True).unique(
        "day", keep="first", maintain_order=True
    )
    of_bar = fills.group_by("wallet", pl.col("time").dt.truncate("15m").alias("open_time")).agg(
        pl.col("amount").sum()
    )
    rows = bars.select(TIME, TIME.dt.truncate("1d").alias("day"))
    rows = rows.join(best, on="day", how="left", maintain_order="left")
    return rows.join(of_bar, on=["open_time", "wallet"], how="left", maintain_order="left").get_column(
        "amount"
    )


@planted(bars=markets.trades, usable_after=timedelta(0), quotes=markets.quotes)
def effective_spread_before(bars: pl.DataFrame, quotes: pl.DataFrame) -> pl.Series:
    """The mid standing strictly before the trade."""
    joined = bars.join_asof(
        quotes, left_on="open_time", right_on="time", strategy="backward", allow_exact_matches=False
    )
    return joined.select(pl.col("side") * (pl.col("price") - pl.col("mid")) / pl.col("mid")).to_series()


@planted()
def trained_with_purge(bars: pl.DataFrame) -> pl.Expr:
    """Labels that were known: those of 31 rows ago and before."""
    opened = pl.col("open")
    known = (opened / opened.shift(HORIZON)).log()
    return known.cum_sum() / known.cum_count()


HONEST = tuple(found_in(sys.modules[__name__]))
