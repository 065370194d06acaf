"""minute_bars on recorded Binance futures ticks: what eight real minutes can show.

The files span 23:57:02 to 00:05:02 around midnight of 2024-07-19; the recorder's clock ran 1.52 s behind the
exchange, so local time is ignored.
"""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from pipelines.market.minute_bars import minute_bars
from pipelines.market.schemas import BOOK_LEVELS, ORDER_BOOK, TRADES, UTC_US

BEHIND_34_TO_46_48_50_53 = [
    *("open", "high", "low", "close", "volume", "trades", "bought", "sold", "size_mean", "size_m2"),
    *("price_mean", "price_m2", "realized_variance", "bid_ask_spread", "order_book_imbalance"),
    *("book_pressure_5", "book_pressure_10", "weighted_mid_price", "microprice", "effective_spread_sum"),
    *("effective_spread_amount", "mid_start", "mid_end", "book_seconds", "book_seconds_5", "book_seconds_10"),
]
FIRST_COMPLETE = datetime(2024, 7, 18, 23, 58, tzinfo=UTC)
END = datetime(2024, 7, 19, 0, 5, tzinfo=UTC)


def read(folder: Path, kind: str, symbol: str, **columns: pl.Expr) -> pl.DataFrame:
    path = folder / "tardis_format_derived" / f"binance-futures_{kind}_2024-07-19_{symbol}.csv.gz"
    clock = {
        "time": pl.col("timestamp").cast(UTC_US),
        "local_time": pl.col("local_timestamp").cast(UTC_US),
    }
    return pl.read_csv(path, infer_schema_length=None).select(**clock, **columns)


def complete_minutes(folder: Path, symbol: str) -> pl.DataFrame:
    side = pl.col("side").replace_strict({"buy": 1, "sell": -1}, return_dtype=pl.Int8)
    trades = read(
        folder, "trades", symbol, id=pl.col("id"), side=side, price=pl.col("price"), amount=pl.col("amount")
    )
    levels = {
        f"{s}_{what}_{k}": pl.col(f"{s}s[{k - 1}].{what}").cast(pl.Float64)
        for k in range(1, BOOK_LEVELS + 1)
        for s in ("bid", "ask")
        for what in ("price", "amount")
    }
    book = read(folder, "book_snapshot_25", symbol, **levels).cast(pl.Schema(ORDER_BOOK))
    days = [
        minute_bars(trades.cast(pl.Schema(TRADES)), book, day, check_local_time=False)
        for day in (date(2024, 7, 18), date(2024, 7, 19))
    ]
    return pl.concat(days).filter(pl.col("open_time").is_between(FIRST_COMPLETE, END, closed="left"))


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_every_complete_minute_has_the_single_bar_aggregates(real_data: Path, symbol: str) -> None:
    rows = complete_minutes(real_data, symbol)
    assert len(rows) == 7
    finite = rows.select(
        pl.col(BEHIND_34_TO_46_48_50_53).cast(pl.Float64).is_finite().fill_null(value=False).all()
    )
    assert finite.row(0) == (True,) * len(BEHIND_34_TO_46_48_50_53)
    fifth_on = rows["tick_volatility_5m"][4:]
    assert fifth_on.is_finite().all()
    assert fifth_on.null_count() == 0


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_the_values_are_those_of_a_liquid_market(real_data: Path, symbol: str) -> None:
    """A book that is always there, spreads of a tick, prices inside the bar, trades that pay to trade."""
    rows = complete_minutes(real_data, symbol)
    assert rows["book_seconds_10"].min() == 60.0
    assert rows["crossed"].sum() == rows["late"].sum() == 0
    assert rows["bid_ask_spread"].max() < 0.1
    assert ((rows["price_mean"] <= rows["high"]) & (rows["price_mean"] >= rows["low"])).all()
    assert ((rows["microprice"] - rows["close"]).abs() / rows["close"]).max() < 1e-4
    paid = rows["effective_spread_sum"].sum() / rows["effective_spread_amount"].sum()
    assert 0 < paid < 5.0
