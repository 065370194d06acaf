"""The laws on real bars: every feature that candles give, on every real minute file and the longer ones of Hyperliquid.

Features of ticks: test_real_ticks.py. Cohorts cannot be formed from the wallets recorded (FEATURES.md).
"""

from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.features import compute, feature_set
from pipelines.features.breadth import breadth
from pipelines.features.encoding import tabular
from pipelines.market.calendars import calendar_of
from pipelines.market.schemas import CANDLES
from pipelines.market.timeframes import GRACE
from tests.pipelines.features import laws, makers, real_bars
from tests.pipelines.features.many_futures import Known, changed_pasts, times

pytestmark = pytest.mark.real
FILES = list(real_bars.ENTRIES)
MINUTE_FILES = [name for name in FILES if real_bars.ENTRIES[name].timeframe == "1m"]
V4 = feature_set("v4").names
SOME = 80_000  # rows of half a year that are enough where every row is alike
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@cache
def bars_of(folder: Path, name: str) -> pl.DataFrame:
    return real_bars.candle_bars(folder, name)


def timeframe_of(name: str) -> str:
    return str(real_bars.ENTRIES[name].timeframe)


@cache
def table_of(folder: Path, name: str) -> pl.DataFrame:
    """Every feature that candles give."""
    features = [one.name for one in laws.existing(timeframe_of(name)) if not one.ticks]
    return compute(bars_of(folder, name), timeframe_of(name), features)


@pytest.mark.parametrize("name", FILES)
def test_null_exactly_in_warm_ups_and_after_gaps_else_finite(real_data: Path, name: str) -> None:
    table, timeframe = table_of(real_data, name), timeframe_of(name)
    assert set(V4) < set(table.columns)
    assert laws.nulls_elsewhere(table, timeframe) == []
    assert laws.out_of_bounds(table, timeframe) == []
    assert table.slice(275).select(pl.col(V4).is_not_null().any()).row(0) == (True,) * len(V4)


@pytest.mark.parametrize("name", [*MINUTE_FILES, "hyperliquid_BTC_5m", "hyperliquid_HYPE_1h"])
def test_memory_is_the_lookback(real_data: Path, name: str) -> None:
    """Started at three later rows; features that the file is too short for are left out."""
    bars, table = (frame.head(SOME) for frame in (bars_of(real_data, name), table_of(real_data, name)))
    known = [column.name for column in table if column.is_not_null().any()]
    assert len(known) >= (54 if name == "binance_usdm_BTCUSDT_1m" else len(V4))
    starts = (777, bars.height // 5, bars.height // 3)
    assert laws.remembers_more(bars, timeframe_of(name), table.select(known), starts) == []


@pytest.mark.parametrize("name", ["binance_usdm_BTCUSDT_1m", "bitfinex_LTCUSD_1m_2018H1"])
def test_the_past_never_changes(real_data: Path, name: str) -> None:
    """Before and after midnights, the end of a month and holes, and at random; three ways each, in turn."""
    bars = bars_of(real_data, name).head(60_000)
    opens = bars["open_time"]
    whole = compute(bars, "1m", table_of(real_data, name).columns[1:])
    minute = (opens.dt.epoch("s") // 60).to_numpy()
    edges = [
        *np.flatnonzero(minute % 1_440 == 0)[[1, -1]],
        *(np.flatnonzero(np.diff(opens.dt.month().to_numpy()))[-1:] + 1),
        *(np.flatnonzero(np.diff(minute) > 1)[[0, -1]] + 1 if np.diff(minute).max() > 1 else ()),
    ]
    random = np.random.default_rng(6).integers(0, bars.height - 1, 5)
    cuts = sorted({int(cut) for row in edges for cut in (row - 1, row)} | {int(cut) for cut in random})
    ways = [*laws.WAYS]
    trials = [(cut, ways[(3 * place + k) % len(ways)]) for place, cut in enumerate(cuts) for k in range(3)]
    assert len(trials) >= 30
    assert laws.past_changes(bars, "1m", whole, trials) == []


@pytest.mark.parametrize("name", [*MINUTE_FILES, "hyperliquid_SOL_5m", "hyperliquid_SOL_1h"])
def test_powers_of_two_change_no_encoded_input(real_data: Path, name: str) -> None:
    bars, table = (frame.head(SOME) for frame in (bars_of(real_data, name), table_of(real_data, name)))
    names = table.columns[1:]
    for price, volume in ((1024.0, 1.0), (1.0, 1024.0)):
        other = compute(makers.scaled(bars, price, volume), timeframe_of(name), names)
        ours, theirs = tabular(table, names), tabular(other, names)
        differ = (ours != theirs) & ~(np.isnan(ours) & np.isnan(theirs))
        assert not differ.any(), [names[k] for k in np.flatnonzero(differ.any(axis=0))]


def test_volatility_regime_becomes_known_after_thirty_days_of_real_minutes(real_data: Path) -> None:
    """From 2025-05-04 15:33 on, 5 May is the first whole day; 4 June the first one after thirty of them."""
    for coin in ("BTC", "ETH", "SOL"):
        table = table_of(real_data, f"binance_usdm_{coin}USDT_1m").select("open_time", "volatility_regime")
        known = table.drop_nulls()
        assert str(known["open_time"][0]) == "2025-06-04 00:00:00+00:00"
        shares = [(known["volatility_regime"] == one).mean() for one in (0, 1, 2)]
        assert min(shares) > 0.1, "no tercile is empty"


def test_a_session_is_known_from_its_open_to_its_first_missing_minute(real_data: Path) -> None:
    """Real sessions of New York, one after another: intraday_return never looks back over a night."""
    bars = bars_of(real_data, "AAPL_1m")
    first, last = bars["open_time"][0], bars["open_time"][-1]
    sessions = calendar_of("XNYS").sessions(first - DAY, last + DAY)
    got = compute(bars, "1m", ["intraday_return", "minutes_to_close", "sma_7"], sessions=sessions)
    opened = bars.select("open_time").join_asof(
        sessions.sort("open"), left_on="open_time", right_on="open", coalesce=False
    )
    place = ((opened["open_time"] - opened["open"]).dt.total_minutes()).to_numpy()
    unbroken = laws.ages(bars["open_time"], "1m") >= place
    assert (got["intraday_return"].is_not_null().to_numpy() == unbroken).all()
    assert opened["open"].n_unique() >= 5
    assert 0.8 < unbroken.mean() < 1.0, "two minutes are missing, the rest of their sessions is unknown"
    left = got["minutes_to_close"].to_numpy() * 1_440
    np.testing.assert_allclose(left, 389 - place, atol=1e-9)


# --- tables beside real bars


def test_real_funding_is_known_exactly_while_it_is_fresh(real_data: Path) -> None:
    """Each bar sees the last stamp until it was usable, if that is not older than its period and an hour."""
    bars = bars_of(real_data, "hyperliquid_BTC_5m")
    rates = real_bars.funding_of(real_data, "BTC")
    got = compute(bars, "5m", ["funding_rate", "funding_momentum_1h"], funding=rates)
    usable = times(bars["open_time"]) + (timedelta(minutes=5) + GRACE) // timedelta(microseconds=1)
    expected = []
    for late in (0, HOUR // timedelta(microseconds=1)):
        at = np.searchsorted(times(rates["time"]), usable - late, side="right") - 1
        age = usable - late - times(rates["time"])[at]
        period = rates["period_hours"].to_numpy()[at]
        fresh = age <= (period + 1.0) * 3.6e9
        expected.append(np.where(fresh, 1e4 * rates["rate"].to_numpy()[at] / period, np.nan))
    np.testing.assert_array_equal(got["funding_rate"].to_numpy(), expected[0])
    known = laws.ages(bars["open_time"], "5m") >= 11
    momentum = np.where(known, expected[0] - expected[1], np.nan)
    np.testing.assert_allclose(got["funding_momentum_1h"].to_numpy(), momentum, rtol=1e-12, atol=1e-15)
    assert got["funding_rate"].is_not_null().mean() > 0.99


def test_no_cut_changes_the_past_of_real_funding_and_breadth(real_data: Path) -> None:
    """600 five-minute bars of BTC with its funding and the breadth of eight coins; every cut."""
    coins = {coin: bars_of(real_data, f"hyperliquid_{coin}_5m") for coin in real_bars.COINS}
    bars = coins["BTC"].slice(20_000, 600).select(list(CANDLES))
    first, end = bars["open_time"][0], bars["open_time"][-1] + HOUR
    rates = real_bars.funding_of(real_data, "BTC").filter(pl.col("time").is_between(first - HOUR, end))
    rose = breadth(coins, "5m").join(bars.select("open_time"), on="open_time", how="semi")
    assert set((rose["breadth"] * 8).round(9).to_list()) <= set(range(9))
    closed = timedelta(minutes=5) + GRACE
    usable = times(bars["open_time"] + closed)
    beside = {
        "funding": Known(rates, times(rates["time"])),
        "breadth": Known(rose, times(rose["open_time"] + closed)),
    }
    names = ["funding_rate", "funding_momentum_1h", "market_breadth"]
    features = lambda rows, **tables: compute(rows, "5m", names, **tables)  # noqa: E731
    for way in ("another market", "reversed", "lost"):
        assert changed_pasts(features, Known(bars, times(bars["open_time"])), beside, usable, way) == []
