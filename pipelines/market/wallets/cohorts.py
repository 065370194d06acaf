"""Which wallets are the best and the worst as of a day, from the sixty days before it and nothing else.

Sharpe is mean/std (ddof 1, not annualised) of a wallet's daily profits in the sixty days; a wallet whose profits are
all equal has none. One order, best first and ties by address, gives both ends, so no wallet is in two cohorts.
"""

from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from pipelines.market.wallets.profit import daily_profit

DAYS, RECENT = 60, 30
ACTIVE_DAYS, RECENT_DAYS, RECENT_FILLS = 30, 10, 200
SHARE, AT_LEAST = 0.05, 5
NEEDED = 2 * AT_LEAST
MEMORY_DAYS, LARGEST_SHARPE = 10.0, 2.0

ELIGIBLE: dict[str, pl.DataType | type[pl.DataType]] = {
    "address": pl.String,
    "sharpe": pl.Float64,
    "days": pl.Int64,  # of the sixty with a known profit
    "last_fill": pl.Datetime("us", "UTC"),
}
COHORTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "day": pl.Date,  # for fills of this UTC day
    "cohort": pl.String,  # top | bottom
    "address": pl.String,
    "sharpe": pl.Float64,
    "weight": pl.Float64,  # sums to 1 within a cohort; exp(−days since last fill/10)·min(|Sharpe|, 2)
}


def eligible(daily: pl.DataFrame, day: date) -> pl.DataFrame:
    """ELIGIBLE wallets as of a day's 00:00 UTC, best first, ties by address; reads DAILY of days d−60 … d−1 only.

    At least 30 active days of the 60, and 10 days and 200 fills in the last 30; a defined Sharpe. A day counts as
    active when its profit is known.
    """
    past = daily.filter(
        pl.col("day").is_between(day - timedelta(days=DAYS), day, closed="left")
        & pl.col("profit_bp").is_not_null()
    )
    recent = pl.col("day") >= day - timedelta(days=RECENT)
    profit = pl.col("profit_bp")
    flat = profit.max() == profit.min()  # a computed std of equal values leaves dust
    wallets = (
        past.sort("day", "address")
        .group_by("address", maintain_order=True)
        .agg(
            pl.when(~flat).then(profit.mean() / profit.std()).alias("sharpe"),
            pl.len().cast(pl.Int64).alias("days"),
            recent.sum().alias("recent_days"),
            pl.col("fills").filter(recent).sum().alias("recent_fills"),
            pl.col("last_fill").max(),
        )
    )
    enough = (
        (pl.col("days") >= ACTIVE_DAYS)
        & (pl.col("recent_days") >= RECENT_DAYS)
        & (pl.col("recent_fills") >= RECENT_FILLS)
        & pl.col("sharpe").is_finite()
    )
    return wallets.filter(enough).sort("sharpe", "address", descending=[True, False]).select(*ELIGIBLE)


def cohorts(fills: pl.DataFrame, closes: pl.DataFrame, day: date) -> tuple[pl.DataFrame, str | None]:
    """COHORTS of a day, and why there are none (None when there are).

    fills, closes : FILLS and CANDLES of one coin; rows of the day itself and after it are not looked at.
    """
    start = datetime.combine(day, time(), UTC)
    past = (fills.filter(pl.col("time") < start), closes.filter(pl.col("open_time") < start))
    return cohorts_of_daily(daily_profit(*past), day)


def cohorts_of_daily(daily: pl.DataFrame, day: date) -> tuple[pl.DataFrame, str | None]:
    """The same from DAILY, for whoever needs many days."""
    ranked = eligible(daily, day)
    if ranked.height < NEEDED:
        return pl.DataFrame(schema=COHORTS), refusal(seen(daily, day), ranked.height)
    size = max(AT_LEAST, int(SHARE * ranked.height))
    ends = {"top": ranked.head(size), "bottom": ranked.tail(size)}
    return pl.concat(_weighted(rows, name, day) for name, rows in ends.items()), None


def seen(daily: pl.DataFrame, day: date) -> int:
    """Wallets with a fill in the sixty days before a day."""
    window = pl.col("day").is_between(day - timedelta(days=DAYS), day, closed="left")
    return daily.filter(window)["address"].n_unique()


def refusal(wallets: int, ranked: int) -> str:
    """Why no cohort can be formed."""
    return f"{wallets} wallets, {ranked} eligible: no cohort can be formed; expected at least {NEEDED}"


def _weighted(rows: pl.DataFrame, cohort: str, day: date) -> pl.DataFrame:
    start = pl.lit(datetime.combine(day, time(), UTC))
    since = (start - pl.col("last_fill")).dt.total_microseconds() / 86_400_000_000
    raw = (-since / MEMORY_DAYS).exp() * pl.min_horizontal(pl.col("sharpe").abs(), LARGEST_SHARPE)
    weighed = rows.with_columns(raw.alias("weight"))
    return weighed.select(
        pl.lit(day).alias("day"),
        pl.lit(cohort).alias("cohort"),
        "address",
        "sharpe",
        pl.when(pl.col("weight").sum() > 0)
        .then(pl.col("weight") / pl.col("weight").sum())
        .otherwise(1 / pl.len())  # every Sharpe is 0: nothing tells the wallets apart
        .alias("weight"),
    )
