"""Real trades without a book: the columns that trades alone can give are finite on every complete minute.

FEATURES.md, "What the real files can and cannot show". Complete: the feature's window lies in the recording. Ids go on
by one in both files, so a minute without a trade is a minute in which nobody traded.
"""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.features import compute
from pipelines.features.sets import features_named
from pipelines.market.bars import one_minute
from pipelines.market.minute_bars import Hearing, heard_minutes
from pipelines.market.native.trade_archives import parse_freqtrade_trades
from pipelines.market.parsing import parse_trades
from pipelines.market.schemas import CANDLES, ORDER_BOOK, TRADES
from pipelines.market.trade_ids import RUNNING

pytestmark = pytest.mark.real
NAMES = ("large_trade_ratio", "tick_volatility_5m", "jump_indicator", "vwap_distance")  # 47, 49, 51, 52
WINDOW = (datetime(2015, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
DAY = timedelta(days=1)


def bars_of(trades: pl.DataFrame) -> pl.DataFrame:
    """One-minute BARS of all days of the trades."""
    no_book = pl.DataFrame(schema=ORDER_BOOK)
    first, last = trades["time"].min(), trades["time"].max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    days = [first.date() + DAY * k for k in range((last.date() - first.date()).days + 1)]
    minutes = [
        heard_minutes(trades, no_book, day, Hearing(RUNNING), check_local_time=False)[0] for day in days
    ]
    return one_minute(pl.concat(minutes), pl.DataFrame(schema=CANDLES))


def check(bars: pl.DataFrame, fewest: int) -> None:
    whole = (bars["open_time"][-1] - bars["open_time"][0]) // timedelta(minutes=1) + 1
    assert bars.height == whole, "no minute between the first trade and the last is unknown"
    table = compute(bars, "1m", NAMES)
    for feature in features_named(NAMES):
        values = table[feature.name]
        complete = values.slice(feature.bars(1))  # the recording's first minute is no complete one
        assert complete.null_count() == 0, feature.name
        assert complete.is_finite().all(), feature.name
        assert complete.len() >= fewest


def test_125_minutes_of_binance_futures(real_data: Path) -> None:
    path = real_data / "tardis_original/binance-futures_trades_2020-02-22_BTCUSDT.csv.gz"
    trades = parse_trades(gzip.decompress(path.read_bytes()), path.name, WINDOW).rows.select(list(TRADES))
    assert trades["time"][0].date() == date(2020, 2, 22)
    check(bars_of(trades), 60)


def test_two_and_a_half_days_of_xrp_eth(real_data: Path) -> None:
    path = real_data / "trades/binance_spot_XRPETH_trades.json.gz"
    trades = parse_freqtrade_trades(gzip.decompress(path.read_bytes()), path.name, WINDOW).rows
    bars = bars_of(trades.select(list(TRADES)))
    quiet = bars.filter(pl.col("origin") == "verified-empty")
    assert quiet.height > 500, "most of its nights are quiet"
    assert quiet["volume"].max() == 0.0
    check(bars, 3000)
