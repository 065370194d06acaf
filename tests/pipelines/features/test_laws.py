"""Laws of every feature: no future, memory as declared, null in warm-up only, finite, in bounds, cited.

Here on synthetic bars: every declared feature, with the tables that other sources need. Long series and real ones are
test_laws_long.py and test_laws_real.py, every single cut is test_causality.py and test_every_cut.py.
"""

from functools import cache

import numpy as np
import polars as pl
import pytest

from pipelines.features import Feature, catalogue, compute
from pipelines.features.sources import SOURCES
from tests.pipelines.features import laws, makers

EVERY = [feature.name for feature in laws.existing("1m")]
ROWS, GAPS = 700, (200, 203, 640)
TIMEFRAMES = ["1m", "5m", "15m", "1h"]
CUTS = sorted(
    {*range(0, 80, 5), *range(195, 210), *range(230, 640, 40), *range(276, 280), *range(636, 700, 4), 698}
)


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    """700 minutes with three gaps: runs of 200, 3, 437 and 60 bars."""
    return makers.bars(ROWS, gaps=GAPS)


@pytest.fixture(scope="module")
def whole(bars: pl.DataFrame) -> pl.DataFrame:
    return compute(bars, "1m", EVERY)


def names_of(timeframe: str) -> list[str]:
    return [one.name for one in laws.existing(timeframe, SOURCES)]


def rows_for(timeframe: str, more: int) -> int:
    """So many rows more than the longest lookback: thirty days and one for volatility_regime."""
    return laws.longest(laws.existing(timeframe, SOURCES), timeframe) + more


@cache
def with_gaps(timeframe: str) -> pl.DataFrame:
    """Every feature over runs of 200, 3, 437 and, after them, as many bars as the longest lookback needs."""
    bars = makers.bars(rows_for(timeframe, 900), timeframe, gaps=GAPS)
    return compute(bars, timeframe, names_of(timeframe), **makers.tables(bars, timeframe))


@pytest.mark.parametrize("way", laws.WAYS)
def test_past_never_changes(bars: pl.DataFrame, whole: pl.DataFrame, way: str) -> None:
    assert laws.past_changes(bars, "1m", whole, [(cut, way) for cut in CUTS]) == []


@pytest.mark.parametrize("timeframe", [*TIMEFRAMES, "12h", "1d"])
def test_memory_is_the_lookback(timeframe: str) -> None:
    """Started later, each says the same as soon as it says anything, and it says something."""
    bars = makers.bars(rows_for(timeframe, 600), timeframe, seed=3)
    tables = makers.tables(bars, timeframe)
    full = compute(bars, timeframe, names_of(timeframe), **tables)
    assert laws.remembers_more(bars, timeframe, full, (1, 130, 320, 470), tables) == []


def test_values_restart_after_a_gap(bars: pl.DataFrame, whole: pl.DataFrame) -> None:
    """Each run of bars gives what it would give alone, to the last bit."""
    for start, stop in zip((0, *GAPS), (*GAPS, ROWS), strict=True):
        alone = compute(bars.slice(start, stop - start), "1m", EVERY)
        assert laws.other_bits(alone, whole.slice(start, stop - start)) == []


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_null_in_the_warm_up_of_each_run_and_nowhere_else(timeframe: str) -> None:
    table = with_gaps(timeframe)
    assert laws.nulls_elsewhere(table, timeframe) == []
    known = table.select(pl.exclude("open_time").is_not_null().any()).row(0, named=True)
    assert all(known.values()), "every feature becomes known somewhere, or nothing was tested"


@pytest.mark.parametrize("timeframe", [*TIMEFRAMES, "12h", "1d"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_finite_and_within_bounds(timeframe: str, seed: int) -> None:
    bars = makers.bars(rows_for(timeframe, 1_000), timeframe, seed=seed)
    table = compute(bars, timeframe, names_of(timeframe), **makers.tables(bars, timeframe, seed))
    assert laws.out_of_bounds(table, timeframe) == []
    assert table.select(pl.exclude("open_time").is_not_null().any()).row(0) == (True,) * (table.width - 1)


def test_extreme_bars_stay_within_bounds() -> None:
    """One trade of everything, then nothing; a price that moves by one unit in the last place."""
    bars = makers.bars(400, seed=5)
    up = np.nextafter(100.0, 200.0)
    price = pl.Series(np.where(np.arange(400) % 37 == 36, up, 100.0))
    volume = pl.Series(np.where(np.arange(400) % 29 == 28, 1e12, 0.0))
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    assert laws.out_of_bounds(compute(bars.with_columns(volume=volume, **prices), "1m", EVERY), "1m") == []


@pytest.mark.parametrize("feature", catalogue(), ids=lambda f: f.name)
def test_says_what_it_is_and_where_from(feature: Feature) -> None:
    formula, _, source = feature.doc.partition("Source: ")
    assert len(formula.strip()) > 15
    assert len(source.strip()) > 10


def test_result_does_not_depend_on_blocks_or_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = makers.bars(3_000, seed=8, gaps=(1_500,))
    whole = compute(bars, "1m", EVERY)
    for block in (64, 1_024, 2_048):
        monkeypatch.setattr("pipelines.features.engine._BLOCK", block)
        assert laws.other_bits(compute(bars, "1m", EVERY), whole) == []


def test_one_feature_alone_is_the_same_column(bars: pl.DataFrame, whole: pl.DataFrame) -> None:
    for name in EVERY:
        assert laws.other_bits(compute(bars, "1m", [name]), whole.select("open_time", name)) == [], name


# --- the laws themselves notice


def test_a_law_that_is_broken_is_named(bars: pl.DataFrame, whole: pl.DataFrame) -> None:
    """One value unknown, one known too early, one beyond its bounds, one bit of the past: each is seen."""
    assert laws.nulls_elsewhere(whole.with_columns(sma_7=pl.col("sma_14")), "1m") == ["sma_7"]
    assert laws.nulls_elsewhere(whole.with_columns(atr=pl.col("close")), "1m") == ["atr"]
    assert laws.out_of_bounds(whole.with_columns(rsi_14=pl.col("rsi_14") * 2.1), "1m") == ["rsi_14"]
    assert laws.out_of_bounds(whole.with_columns(macd=pl.col("macd") / 0.0), "1m") == ["macd"]
    assert laws.remembers_more(bars.head(200), "1m", whole.head(200), [1])[:1] == ["depth_proxy"]
    shown = whole.with_columns(sma_50=pl.col("sma_50") * (1 + 1e-8))
    assert "sma_50" in laws.remembers_more(bars, "1m", shown, [1])
    last_bit = pl.Series(np.nextafter(whole["close"].to_numpy(), 0.0))
    assert laws.past_changes(bars, "1m", whole.with_columns(close=last_bit), [(100, "cut off")]) == [
        "cut off after row 100 changes the past of close"
    ]
