"""Encoded inputs: no currency, no lot size, anchored at the window's last bar."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from pipelines.errors import UnknownName
from pipelines.features import catalogue, compute, feature_set
from pipelines.features.encoding import tabular, windows
from pipelines.features.sets import features_named
from pipelines.market.timeframes import minutes_of
from tests.pipelines.features import makers

V5 = feature_set("v5").names
OTHERS = [feature.name for feature in catalogue() if feature.name not in V5]
scaled = makers.scaled


def both_ways(table: pl.DataFrame, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Tabular rows, and windows of 30 bars."""
    matrix = table.select(names).to_numpy()
    block = np.lib.stride_tricks.sliding_window_view(matrix, 30, axis=0).transpose(0, 2, 1)
    return tabular(table, names), windows(block, names)


def encoded(bars: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """All of v5 past the warm-up."""
    return both_ways(compute(bars, "1m").slice(300), V5)


@pytest.mark.parametrize(
    ("price", "volume"), [(1024.0, 1.0), (1.0, 1024.0), (1024.0, 1024.0), (1.0, 1 / 1024)]
)
def test_powers_of_two_change_nothing(price: float, volume: float) -> None:
    bars = makers.bars(900, seed=6)
    for ours, theirs in zip(encoded(bars), encoded(scaled(bars, price, volume)), strict=True):
        assert np.isfinite(ours).all()
        assert (ours == theirs).all(), [V5[i] for i in np.unique(np.nonzero(ours != theirs)[-1])]


@pytest.mark.parametrize(("price", "volume"), [(1024.0, 1.0), (1.0, 1024.0), (1 / 1024, 1 / 1024)])
@pytest.mark.parametrize(("timeframe", "first"), [("1m", 350), ("5m", 1_062), ("15m", 3_000), ("1h", 760)])
def test_powers_of_two_change_nothing_in_the_other_sets(
    price: float, volume: float, timeframe: str, first: int
) -> None:
    """meta17 and intraday12 of every source, as rows and in windows; from 15 m on volatility_regime is known too."""
    names = [one.name for one in features_named(OTHERS) if one.exists(minutes_of(timeframe))]
    names = [name for name in names if name != "volatility_regime" or minutes_of(timeframe) >= 15]
    names += [name for name in ("close", "volume_ma") if name not in names]
    bars = makers.bars(first + 400, timeframe, seed=6)
    tables = makers.tables(bars, timeframe)
    mine = compute(bars, timeframe, names, **tables).slice(first)
    changed = scaled(bars, price, volume), makers.scaled_tables(tables, price, volume)
    other = compute(changed[0], timeframe, names, **changed[1]).slice(first)
    for ours, theirs in zip(both_ways(mine, names), both_ways(other, names), strict=True):
        assert np.isfinite(ours).all()
        assert (ours == theirs).all(), [names[i] for i in np.unique(np.nonzero(ours != theirs)[-1])]


@pytest.mark.parametrize(("price", "volume"), [(1000.0, 1.0), (1.0, 1000.0), (0.001, 1000.0)])
def test_powers_of_ten_change_nothing_that_matters(price: float, volume: float) -> None:
    bars = makers.bars(900, seed=7)
    for ours, theirs in zip(encoded(bars), encoded(scaled(bars, price, volume)), strict=True):
        assert np.abs(ours - theirs).max() <= 1e-9


def test_every_scale_bearing_feature_is_encoded() -> None:
    """Raw units really change with the market, so the laws above are not empty."""
    bars = makers.bars(900, seed=6)
    a, b = (compute(one, "1m").slice(300) for one in (bars, scaled(bars, 1024.0, 1024.0)))
    moved = {name for name in V5 if not a.get_column(name).equals(b.get_column(name))}
    with_units = {one.name for one in catalogue()[:53] if one.encoding in ("anchored", "relative", "scaled")}
    assert moved == with_units
    assert len(moved) == 21


def test_a_window_worked_by_hand() -> None:
    names = ["close", "sma_7", "atr", "volume", "volume_ma", "spread_volatility", "rsi_14"]
    last = [110.0, 99.0, 5.5, 30.0, 10.0, np.e - 1, 40.0]
    first = [100.0, 88.0, 2.0, 0.0, 500.0, 0.0, 60.0]
    got = windows(np.array([[first, last]]), names)
    log = np.log
    np.testing.assert_allclose(got[0, 1], [0.0, -0.1, 0.05, log(4.0), log(2.0), 1.0, 40.0], atol=1e-15)
    np.testing.assert_allclose(got[0, 0], [-1 / 11, -0.2, 0.02, 0.0, log(51.0), 0.0, 60.0], atol=1e-15)


def test_trade_sizes_against_the_mean_trade_of_the_window() -> None:
    """Two trades of 3 and one of 6 (four times a minute or not): the mean trade is 12/3 = 4."""
    names = ["trade_intensity", "trade_size_mean", "trade_size_std"]
    block = np.array([[[2.0, 3.0, 1.0], [1.0, 6.0, 0.0]]])
    expected = np.log1p(np.array([[3 / 4, 1 / 4], [6 / 4, 0.0]]))
    np.testing.assert_allclose(windows(block, names)[0, :, 1:], expected, rtol=1e-15)
    quarter = block * [0.25, 1.0, 1.0]
    assert (windows(quarter, names)[..., 1:] == windows(block, names)[..., 1:]).all()


def test_zero_scales_give_zero() -> None:
    names = ["volume", "volume_ma", "trade_intensity", "trade_size_mean", "trade_size_std"]
    assert (windows(np.zeros((1, 4, 5)), names) == 0.0).all()
    busy = np.zeros((1, 4, 5))
    busy[0, 0, 0] = 7.0
    assert windows(busy, names)[0, 0, 0] == 0.0


def test_tabular_is_a_window_of_one_bar() -> None:
    table = compute(makers.bars(400), "1m")
    block = table.select(V5).to_numpy()[:, None, :]
    np.testing.assert_array_equal(tabular(table, V5), windows(block, V5)[:, 0, :])
    assert np.isnan(tabular(table, ["macd"])[:275]).all()
    assert tabular(table, ["rsi_14", "open"]).shape == (400, 2)


def test_single_precision_stays_single() -> None:
    block = compute(makers.bars(400), "1m").slice(300).select(V5).to_numpy().astype(np.float32)[None]
    got = windows(block, V5)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, windows(block.astype(np.float64), V5), rtol=1e-5, atol=1e-6)


def test_missing_reference_columns_are_named() -> None:
    table = compute(makers.bars(60), "1m", ["volume", "atr"])
    with pytest.raises(UnknownName, match="'volume_ma'"):
        tabular(table, ["volume"])
    with pytest.raises(UnknownName, match="'close'"):
        windows(np.ones((1, 2, 1)), ["atr"])
