"""What a wallet made on a day, as a yield of what it traded. Which wallets count is cohorts.py."""

import polars as pl

from pipelines.errors import BadData
from pipelines.market.schemas import CANDLES

DAILY: dict[str, pl.DataType | type[pl.DataType]] = {
    "day": pl.Date,
    "address": pl.String,
    "profit_bp": pl.Float64,  # null where the day has no close
    "fills": pl.Int64,
    "last_fill": pl.Datetime("us", "UTC"),
}
"""One row per wallet and UTC day with a fill."""


def daily_profit(fills: pl.DataFrame, closes: pl.DataFrame) -> pl.DataFrame:
    """DAILY of FILLS of one coin: 1e4·Σ s·N·(C_day/p − 1)/ΣN in bp, N = price·size, s the wallet's side.

    closes : CANDLES of the same coin, of any timeframe that divides a day. C_day is the close of the last candle
        that opens on the fill's UTC day; a day without a candle has none, and nothing is carried into it.
    Sums run in a fixed order of the rows, so the order of the fills changes no bit. Raises BadData when the
    fills are of several coins. Source: FEATURES.md, cohorts.
    """
    if fills["coin"].n_unique() > 1:
        raise BadData(
            f"fills are of {fills['coin'].n_unique()} coins: expected one, since one close values them; "
            "filter them by coin first."
        )
    rows = (
        fills.sort("time", "address", "side", "price", "size", "id", nulls_last=True)
        .with_columns(
            pl.col("time").dt.date().alias("day"), (pl.col("price") * pl.col("size")).alias("notional")
        )
        .join(day_closes(closes), on="day", how="left")
    )
    gain = pl.col("side") * pl.col("notional") * (pl.col("close") / pl.col("price") - 1)
    daily = rows.group_by("day", "address", maintain_order=True).agg(
        pl.when(pl.col("close").is_not_null().all())
        .then(1e4 * gain.sum() / pl.col("notional").sum())
        .alias("profit_bp"),
        pl.len().cast(pl.Int64).alias("fills"),
        pl.col("time").max().alias("last_fill"),
    )
    return daily.sort("day", "address").select(*DAILY)


def day_closes(closes: pl.DataFrame) -> pl.DataFrame:
    """`day`, `close`: the close of the last candle that opens on each UTC day."""
    if missing := [name for name in ("open_time", "close") if name not in closes.columns]:
        raise BadData(
            f"closes lack column {missing[0]}: expected {', '.join(CANDLES)}; pass candles of the coin."
        )
    return (
        closes.sort("open_time")
        .group_by(pl.col("open_time").dt.date().alias("day"), maintain_order=True)
        .agg(pl.col("close").last())
    )
