"""Real ticks: features 34–53 are finite on every minute that the recordings hold completely, causal and without a unit.

FEATURES.md, "What the real files can and cannot show". Complete: the feature's window lies in the recording. Ids go on
by one in both files of trades alone, so a minute without a trade is a minute in which nobody traded.
"""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.features import compute, feature_set
from pipelines.features.encoding import tabular
from pipelines.features.sets import features_named
from pipelines.market.parsing import parse_trades
from pipelines.market.schemas import TRADES
from tests.pipelines.features import laws, real_bars

pytestmark = pytest.mark.real
V5 = feature_set("v5").names
OF_ONE_BAR = [*V5[33:34], *V5[35:46], "tick_volatility", "realized_volatility", "arrival_price_impact"]
"""34, 36–46, 48, 50, 53."""
OF_TRADES = [*V5[41:50], "jump_indicator", "vwap_distance", "volume_imbalance"]  # 42–52
MINUTE = timedelta(minutes=1)
WHOLE = datetime(2024, 7, 18, 23, 58, tzinfo=UTC)
"""The first of seven complete minutes."""


def inside(table: pl.DataFrame, name: str) -> pl.Series:
    """The feature on the seven complete minutes."""
    return table.filter(pl.col("open_time").is_between(WHOLE, WHOLE + 6 * MINUTE))[name]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_features_of_one_bar_on_seven_minutes_with_a_book(real_data: Path, symbol: str) -> None:
    table = compute(real_bars.tick_bars(*real_bars.recorded_ticks(real_data, symbol)), "1m")
    assert len(OF_ONE_BAR) == 15
    for name in OF_ONE_BAR:
        values = inside(table, name)
        assert values.len() == 7
        assert values.is_finite().fill_null(value=False).all(), name
        assert values.n_unique() > 1, name
    fifth_on = inside(table, "tick_volatility_5m").slice(4)
    assert fifth_on.is_finite().fill_null(value=False).all()
    assert laws.out_of_bounds(table, "1m") == []


def test_ticks_after_a_minute_never_change_it(real_data: Path) -> None:
    """Cut at the close of every minute: from the raw trades and snapshots on, to the last bit."""
    trades, book = real_bars.recorded_ticks(real_data, "ETHUSDT")
    whole = compute(real_bars.tick_bars(trades, book), "1m")
    for minutes in range(1, 8):
        close = WHOLE + minutes * MINUTE
        before = [frame.filter(pl.col("time") < close) for frame in (trades, book)]
        got = compute(real_bars.tick_bars(*before), "1m")
        assert got["open_time"][-1] == close - MINUTE
        assert laws.other_bits(got, whole.head(got.height)) == []


def test_raw_prices_and_amounts_times_1024_change_no_encoded_input(real_data: Path) -> None:
    trades, book = real_bars.recorded_ticks(real_data, "BTCUSDT")
    whole = compute(real_bars.tick_bars(trades, book), "1m")
    for price, amount in ((1024.0, 1.0), (1.0, 1024.0), (1024.0, 1024.0)):
        times = [pl.selectors.contains("price") * price, pl.selectors.contains("amount") * amount]
        other = compute(real_bars.tick_bars(trades.with_columns(times), book.with_columns(times)), "1m")
        names = [name for name in OF_ONE_BAR if name not in ("trade_size_mean", "trade_size_std")]
        names += ["trade_size_mean", "trade_size_std", "close", "open", "high", "low"]
        ours, theirs = (tabular(table, names)[1:8] for table in (whole, other))
        assert np.isfinite(ours).all()
        assert np.array_equal(ours, theirs)


def check_trades(bars: pl.DataFrame, fewest: int) -> None:
    whole = (bars["open_time"][-1] - bars["open_time"][0]) // MINUTE + 1
    assert bars.height == whole, "no minute between the first trade and the last is unknown"
    table = compute(bars, "1m", OF_TRADES)
    for feature in features_named(OF_TRADES):
        values = table[feature.name]
        complete = values.slice(feature.bars(1))  # the recording's first minute is no complete one
        assert complete.null_count() == 0, feature.name
        assert complete.len() >= fewest
    assert laws.nulls_elsewhere(table, "1m") == []
    assert laws.out_of_bounds(table, "1m") == []


def test_125_minutes_of_binance_futures(real_data: Path) -> None:
    path = real_data / "tardis_original/binance-futures_trades_2020-02-22_BTCUSDT.csv.gz"
    parsed = parse_trades(gzip.decompress(path.read_bytes()), path.name, real_bars.EVER)
    trades = parsed.rows.select(list(TRADES))
    assert trades["time"][0].date() == date(2020, 2, 22)
    check_trades(real_bars.trade_bars(trades), 60)


def test_two_and_a_half_days_of_xrp_eth(real_data: Path) -> None:
    bars = real_bars.trade_bars(real_bars.xrp_eth_trades(real_data))
    quiet = bars.filter(pl.col("origin") == "verified-empty")
    assert quiet.height > 500, "most of its nights are quiet"
    assert quiet["volume"].max() == 0.0
    check_trades(bars, 3000)
    known = compute(bars, "1m", OF_TRADES)
    assert laws.remembers_more(bars, "1m", known, (1, 777, 2_000)) == []
