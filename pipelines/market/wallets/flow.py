"""What the cohorts of each day did in its five-minute bars: the inputs of S_top and S_bot. The features are elsewhere.

S = ema (α = 0.02, from 0) of tanh(clip(F/ADV, ±3)), F = `flow_top` or `flow_bottom`, ADV = `adv`, all in quote units.
"""

from datetime import date, timedelta

import polars as pl

from pipelines.market.wallets.cohorts import cohorts_of_daily
from pipelines.market.wallets.profit import daily_profit

BAR = timedelta(minutes=5)
BARS_A_DAY = 288
ADV_DAYS = 20
FLOW: dict[str, pl.DataType | type[pl.DataType]] = {
    "open_time": pl.Datetime("us", "UTC"),
    "flow_top": pl.Float64,  # F, quote units: 0 without a fill, null on a day without cohorts
    "flow_bottom": pl.Float64,
    "adv": pl.Float64,  # quote units; null until twenty whole days are known
}


def cohort_flow(fills: pl.DataFrame, candles: pl.DataFrame) -> tuple[pl.DataFrame, dict[date, str]]:
    """FLOW of every bar of 5m CANDLES, and the days without cohorts with the reason.

    fills : FILLS of the candles' coin. F of a bar sums weight·side·notional of the cohort's fills in
    [open, open + 5 m), by the cohorts of the bar's UTC day. Nothing on day d depends on cohorts of another day.
    """
    if candles.is_empty():
        return pl.DataFrame(schema=FLOW), {}
    daily = daily_profit(fills, candles)
    days = candles["open_time"].dt.date().unique().sort().to_list()
    found = {day: cohorts_of_daily(daily, day) for day in days}
    refused = {day: reason for day, (_, reason) in found.items() if reason is not None}
    members = pl.concat(rows for rows, _ in found.values())
    grid = (
        candles.select("open_time").sort("open_time").with_columns(pl.col("open_time").dt.date().alias("day"))
    )
    for cohort in ("top", "bottom"):
        flow = _flow(fills, members.filter(pl.col("cohort") == cohort), f"flow_{cohort}")
        known = ~pl.col("day").is_in(list(refused))
        grid = grid.join(flow, on="open_time", how="left").with_columns(
            pl.when(known).then(pl.col(f"flow_{cohort}").fill_null(0.0)).alias(f"flow_{cohort}")
        )
    return grid.join(average_daily_volume(candles), on="day", how="left").select(*FLOW), refused


def average_daily_volume(candles: pl.DataFrame) -> pl.DataFrame:
    """`day`, `adv` of 5m CANDLES: mean of Σ C·V over the twenty UTC days before the day, all of them whole.

    A day that lacks bars has no sum, and the mean over it is null: a smaller sum would be made up.
    """
    daily = (
        candles.sort("open_time")
        .group_by(pl.col("open_time").dt.date().alias("day"), maintain_order=True)
        .agg((pl.col("close") * pl.col("volume")).sum().alias("traded"), pl.len().alias("bars"))
    )
    if daily.is_empty():
        return pl.DataFrame(schema={"day": pl.Date, "adv": pl.Float64})
    whole = daily.with_columns(pl.when(pl.col("bars") == BARS_A_DAY).then(pl.col("traded")).alias("traded"))
    every = whole.select(pl.date_range(pl.col("day").min(), pl.col("day").max(), "1d").alias("day"))
    return every.join(whole, on="day", how="left").select(
        "day", pl.col("traded").shift(1).rolling_mean(ADV_DAYS, min_samples=ADV_DAYS).alias("adv")
    )


def _flow(fills: pl.DataFrame, members: pl.DataFrame, name: str) -> pl.DataFrame:
    signed = pl.col("weight") * pl.col("side") * pl.col("price") * pl.col("size")
    return (
        fills.with_columns(pl.col("time").dt.date().alias("day"))
        .join(members.select("day", "address", "weight"), on=["day", "address"])
        .sort("time", "address", "side", "price", "size", "id", nulls_last=True)
        .group_by(pl.col("time").dt.truncate("5m").alias("open_time"), maintain_order=True)
        .agg(signed.sum().alias(name))
    )
