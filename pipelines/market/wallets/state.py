"""Whether cohorts can be formed from a table of fills at all: the sentence for its metadata."""

from datetime import timedelta

import polars as pl

from pipelines.market.wallets.cohorts import NEEDED, eligible, refusal, seen
from pipelines.market.wallets.profit import daily_profit


def cohort_state(fills: pl.DataFrame) -> tuple[int, int, str]:
    """Wallets of the last sixty days, how many of them are eligible, and a sentence; as of the day after the last fill.

    FILLS of one coin. Each day is valued at its last fill, since the table knows no other price: the cohorts
    that features use are valued at candles, and may differ by a wallet.
    """
    if fills.is_empty():
        return 0, 0, refusal(0, 0)
    prices = fills.select(pl.col("time").alias("open_time"), pl.col("price").alias("close"))
    daily = daily_profit(fills, prices)
    day = fills.select(pl.col("time").max().dt.date() + timedelta(days=1)).item()
    wallets, ranked = seen(daily, day), eligible(daily, day).height
    if ranked < NEEDED:
        return wallets, ranked, refusal(wallets, ranked)
    return wallets, ranked, f"{wallets} wallets, {ranked} eligible: cohorts can be formed for {day}"
