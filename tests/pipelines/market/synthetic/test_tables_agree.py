"""Laws: one market seen four ways; candles are the trades, the book stands around them, faults hit all."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.market.schemas import CANDLES, FUNDING, ORDER_BOOK, TRADES
from pipelines.market.synthetic import SyntheticConfig, candles, forecast, funding, order_book, trades
from pipelines.market.synthetic.under_reaction import minute_path
from pipelines.market.timeframes import MINUTES

DAY, NEXT = date(2026, 3, 1), date(2026, 3, 2)
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
CONFIGS = [
    SyntheticConfig(),
    SyntheticConfig(seed=1, edge=0.0, trades_per_day=1_440, book_per_day=1_440, price_digits=5),
    SyntheticConfig(seed=2, edge=0.7, trades_per_day=100_000, half_spread_bps=0.01, price_digits=9),
]


@pytest.fixture(params=CONFIGS, ids=["default", "sparse", "dense"])
def config(request: pytest.FixtureRequest) -> SyntheticConfig:
    chosen: SyntheticConfig = request.param
    return chosen


def minutes(trade: pl.DataFrame) -> pl.DataFrame:
    """The trades' minutes, written independently of the package."""
    return trade.group_by(pl.col("time").dt.truncate("1m").alias("open_time")).agg(
        open=pl.col("price").sort_by("id").first(),
        high=pl.col("price").max(),
        low=pl.col("price").min(),
        close=pl.col("price").sort_by("id").last(),
        volume=pl.col("amount").sum(),
    )


def test_trades_are_well_formed(config: SyntheticConfig) -> None:
    table = trades(config, "BTC-USD", DAY)
    assert dict(table.schema) == TRADES
    assert table.null_count().sum_horizontal().item() == 0
    assert table["time"].is_sorted()
    assert table["time"].is_between(MIDNIGHT, MIDNIGHT + timedelta(1), closed="left").all()
    assert table["id"].to_list() == list(range(table["id"][0], table["id"][0] + table.height))
    assert table["id"][-1] < trades(config, "BTC-USD", NEXT)["id"][0]
    assert set(table["side"].unique()) == {-1, 1}
    assert table["amount"].min() > 0
    delay = (table["local_time"] - table["time"]).dt.total_microseconds() / 1e3
    assert delay.min() > 0
    assert 80 < delay.mean() < 120
    assert delay.max() < 3_000


def test_prices_are_on_the_grid_and_print_short(config: SyntheticConfig) -> None:
    price = trades(config, "BTC-USD", DAY)["price"]
    digits = [len(Decimal(repr(p)).normalize().as_tuple().digits) for p in price.to_list()]
    assert max(digits) in (config.price_digits, config.price_digits + 1)  # one more past a power of ten


def test_candles_are_the_trades(config: SyntheticConfig) -> None:
    candle = candles(config, "BTC-USD", DAY, NEXT + timedelta(1))
    assert dict(candle.schema) == CANDLES
    assert candle["open_time"].to_list() == [MIDNIGHT + timedelta(minutes=m) for m in range(2_880)]
    traded = minutes(pl.concat([trades(config, "BTC-USD", d) for d in (DAY, NEXT)])).sort("open_time")
    own = candle.filter(pl.col("volume") > 0)
    assert_frame_equal(own.drop("volume"), traded.drop("volume"), check_exact=True)
    assert np.allclose(own["volume"], traded["volume"], rtol=1e-14)
    empty = candle.with_columns(before=pl.col("close").shift(1)).filter(pl.col("volume") == 0)
    for column in ("open", "high", "low", "close"):
        assert (empty[column] == empty["before"]).sum() == empty.height - empty["before"].null_count()
    assert config.trades_per_day > 50_000 or empty.height > 10


def test_an_empty_first_minute_carries_the_close_of_the_day_before() -> None:
    sparse = CONFIGS[1]
    days = [DAY + timedelta(d) for d in range(40)]
    empty = [d for d in days if candles(sparse, "BTC-USD", d, d + timedelta(1))["volume"][0] == 0]
    assert empty
    for day in empty[:3]:
        last = trades(sparse, "BTC-USD", day - timedelta(1))["price"][-1]
        assert candles(sparse, "BTC-USD", day, day + timedelta(1))["open"][0] == last


@pytest.mark.parametrize("timeframe", list(MINUTES))
def test_longer_candles_are_the_minutes(timeframe: str) -> None:
    minute = candles(CONFIGS[0], "ETH-USD", DAY, NEXT)
    longer = candles(CONFIGS[0], "ETH-USD", DAY, NEXT, timeframe)
    n = MINUTES[timeframe]
    blocks = {c: minute[c].to_numpy().reshape(-1, n) for c in ("open", "high", "low", "close", "volume")}
    assert longer["open_time"].to_list() == minute["open_time"].to_list()[::n]
    assert (longer["open"] == blocks["open"][:, 0]).all()
    assert (longer["close"] == blocks["close"][:, -1]).all()
    assert (longer["high"] == blocks["high"].max(axis=1)).all()
    assert (longer["low"] == blocks["low"].min(axis=1)).all()
    assert np.allclose(longer["volume"], blocks["volume"].sum(axis=1))


def test_the_book_is_never_crossed_and_stands_on_the_price_path(config: SyntheticConfig) -> None:
    book = order_book(config, "BTC-USD", DAY)
    assert dict(book.schema) == ORDER_BOOK
    assert book.height == config.book_per_day
    assert book["time"].is_sorted()
    assert (book["local_time"] > book["time"]).all()
    bid = book.select(pl.col(r"^bid_price_\d+$")).to_numpy()
    ask = book.select(pl.col(r"^ask_price_\d+$")).to_numpy()
    assert (bid[:, 0] < ask[:, 0]).all()
    assert (np.diff(bid, axis=1) < 0).all()
    assert (np.diff(ask, axis=1) > 0).all()
    assert (bid > 0).all()
    assert book.select(pl.col(r"^.*_amount_\d+$")).to_numpy().min() > 0
    path = forecast(config, "BTC-USD", DAY, NEXT)["log_price"].to_numpy()
    index = np.searchsorted(
        book["time"].dt.epoch("us"), [MIDNIGHT.timestamp() * 1e6 + 6e7 * m for m in range(1, 1_440)]
    )
    mid = np.log((bid[:, 0] + ask[:, 0]) / 2)[index]  # within a step after the minute's boundary
    gap = mid - path[:-1]
    limit = 1.5 * config.annual_volatility / np.sqrt(365 * 86_400 / 10)
    assert np.sqrt((gap**2).mean()) < (limit if config.book_per_day > 5_000 else 4 * limit)


def test_trades_hit_the_book_around_them() -> None:
    config = SyntheticConfig(trades_per_day=100_000, book_per_day=86_400)
    book = order_book(config, "BTC-USD", DAY).select("time", "bid_price_1", "ask_price_1")
    near = trades(config, "BTC-USD", DAY).join_asof(book, on="time").drop_nulls()
    mid = (near["bid_price_1"] + near["ask_price_1"]) / 2
    assert (1e4 * (near["price"] / mid - 1)).abs().quantile(0.99) < 10  # bp, within a second of the snapshot


def test_faults_hit_trades_book_and_candles_alike() -> None:
    whole = SyntheticConfig(trades_per_day=100_000)
    faulty = SyntheticConfig(trades_per_day=100_000, drop_minutes=0.1)
    minute = pl.col("time").dt.truncate("1m")
    candle = candles(faulty, "BTC-USD", DAY, NEXT)
    alive = set(candle["open_time"])
    assert 60 <= 1_440 - len(alive) <= 300
    assert candle.height == len(alive)
    for table in (trades, order_book):
        kept, all_ = table(faulty, "BTC-USD", DAY), table(whole, "BTC-USD", DAY)
        assert_frame_equal(kept, all_.filter(minute.is_in(list(alive))), check_exact=True)
        assert kept.height < all_.height
    assert_frame_equal(
        candle,
        candles(whole, "BTC-USD", DAY, NEXT).filter(pl.col("open_time").is_in(list(alive))),
        check_exact=True,
    )
    hours = candles(faulty, "BTC-USD", DAY, NEXT, "1h")["open_time"]
    by_hour = candle.group_by(pl.col("open_time").dt.truncate("1h")).len().filter(pl.col("len") == 60)
    assert set(hours) == set(by_hour["open_time"])


def test_share_of_lost_minutes() -> None:
    faulty = SyntheticConfig(trades_per_day=1_440, drop_minutes=0.05)
    lost = 1 - candles(faulty, "BTC-USD", DAY, DAY + timedelta(60)).height / (60 * 1_440)
    assert lost == pytest.approx(0.05, abs=0.0075)  # 3 standard errors of 8640 blocks


@pytest.mark.parametrize("edge", [0.0, 0.2, 0.7])
def test_midnight_is_no_seam(edge: float) -> None:
    config = SyntheticConfig(edge=edge)
    for day in range(20_500, 20_520):
        before, after = minute_path(config, "BTC-USD", day), minute_path(config, "BTC-USD", day + 1)
        assert before.log_price[-1] == pytest.approx(after.log_price[0], abs=1e-12)
        assert before.forecast[-1] == pytest.approx(after.forecast[0], abs=1e-12)
    first, second = trades(config, "BTC-USD", DAY), trades(config, "BTC-USD", NEXT)
    assert abs(np.log(second["price"][0] / first["price"][-1])) < 0.005


def test_funding_is_hourly_and_a_little_late() -> None:
    table = funding(SyntheticConfig(), "BTC-USD", DAY, DAY + timedelta(30))
    assert dict(table.schema) == FUNDING
    assert table.height == 30 * 24
    assert table["time"].is_sorted()
    late = (table["time"] - table["time"].dt.truncate("1h")).dt.total_milliseconds()
    assert late.min() >= 49
    assert late.max() < 989
    assert (table["period_hours"] == 1).all()
    assert table["rate"].abs().max() < 1e-3
    assert table["rate"].n_unique() > 700
    part = funding(SyntheticConfig(), "BTC-USD", NEXT, NEXT + timedelta(1))
    assert_frame_equal(table[24:48], part, check_exact=True)
