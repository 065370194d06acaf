"""Laws of every feature: no future, memory as declared, null in warm-up only, finite, in bounds, cited."""

import importlib.util
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.features import Feature, catalogue, compute, feature_set
from pipelines.features.declaration import ByClock
from pipelines.market.timeframes import minutes_of

_found = importlib.util.spec_from_file_location("feature_makers", Path(__file__).parent / "makers.py")
assert _found is not None
assert _found.loader is not None
makers = importlib.util.module_from_spec(_found)
_found.loader.exec_module(makers)

V5 = feature_set("v5").names
BAR_FEATURES = [feature for feature in catalogue() if feature.source == "bars"]
EVERY = [feature.name for feature in BAR_FEATURES]  # all exist at 1 m
ROWS, GAPS = 700, (200, 203, 640)
TIMEFRAMES = ["1m", "15m", "1h"]


def existing(timeframe: str) -> list[Feature]:
    return [feature for feature in BAR_FEATURES if feature.exists(minutes_of(timeframe))]


def needed(feature: Feature, opens: pl.Series, timeframe: str) -> np.ndarray:
    """Bars, including t, that each bar needs."""
    minutes = minutes_of(timeframe)
    if not isinstance(feature.lookback, ByClock):
        return np.full(len(opens), feature.bars(minutes))
    of_day = opens.dt.hour().cast(pl.Int64) * 60 + opens.dt.minute()
    return feature.lookback.needed(of_day.to_numpy() // minutes, minutes)


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    """700 minutes with three gaps: runs of 200, 3, 437 and 60 bars."""
    return makers.bars(ROWS, gaps=GAPS)


@pytest.fixture(scope="module")
def whole(bars: pl.DataFrame) -> pl.DataFrame:
    return compute(bars, "1m", EVERY)


def _times(factor: float) -> Callable[[pl.DataFrame], pl.DataFrame]:
    numbers = pl.selectors.numeric()
    return lambda rest: rest.with_columns((numbers * factor).cast(pl.Float64))


def _dropped_ticks(rest: pl.DataFrame) -> pl.DataFrame:
    return makers.without_ticks(rest)


def _other_market(rest: pl.DataFrame) -> pl.DataFrame:
    other = makers.bars(max(rest.height, 3), seed=99).head(rest.height)
    return other.with_columns(rest.get_column("open_time"))


PERTURBATIONS = {
    "cut off": lambda rest: rest.clear(),
    "times 1e6": _times(1e6),
    "times 1e-6": _times(1e-6),
    "another market": _other_market,
    "ticks lost": _dropped_ticks,
    "reversed": lambda rest: rest.select(pl.exclude("open_time").reverse(), "open_time").select(rest.columns),
    "after a gap": lambda rest: rest.with_columns(pl.col("open_time") + timedelta(days=1)),
}
CUTS = sorted(
    {*range(0, 80, 5), *range(195, 210), *range(230, 640, 40), *range(276, 280), *range(636, 700, 4), 698}
)


@pytest.mark.parametrize("how", PERTURBATIONS)
def test_past_never_changes(bars: pl.DataFrame, whole: pl.DataFrame, how: str) -> None:
    for cut in CUTS:
        past, rest = bars.head(cut + 1), bars.slice(cut + 1)
        changed = pl.concat([past, PERTURBATIONS[how](rest).cast(dict(bars.schema))])
        got = compute(changed, "1m", EVERY).head(cut + 1)
        assert got.equals(whole.head(cut + 1)), f"{how} after row {cut} changes the past"


@pytest.mark.parametrize(
    ("feature", "timeframe"),
    [pytest.param(f, t, id=f"{f.name}-{t}") for t in TIMEFRAMES for f in existing(t)],
)
def test_memory_is_the_lookback(feature: Feature, timeframe: str) -> None:
    """Started later, it says the same as soon as it says anything."""
    bars = makers.bars(900, timeframe, seed=3)
    full = compute(bars, timeframe, [feature.name]).get_column(feature.name)
    for start in (1, 130, 320, 470):
        late = bars.slice(start)
        known = np.arange(late.height) >= needed(feature, late.get_column("open_time"), timeframe) - 1
        ours = compute(late, timeframe, [feature.name]).get_column(feature.name).to_numpy()[known]
        theirs = full.slice(start).to_numpy()[known]
        close = late.get_column("close").to_numpy()[known]
        assert not np.isnan(ours).any()
        far = np.abs(ours - theirs) > 1e-9 * feature.scale(theirs, close)
        assert not far.any(), f"{feature.name} remembers beyond {feature.bars(minutes_of(timeframe))} bars"


def test_values_restart_after_a_gap(bars: pl.DataFrame, whole: pl.DataFrame) -> None:
    """Each run of bars gives what it would give alone, to the last bit."""
    for start, stop in zip((0, *GAPS), (*GAPS, ROWS), strict=True):
        assert compute(bars.slice(start, stop - start), "1m", EVERY).equals(whole.slice(start, stop - start))


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_null_in_the_warm_up_of_each_run_and_nowhere_else(timeframe: str) -> None:
    features = existing(timeframe)
    table = compute(makers.bars(ROWS, timeframe, gaps=GAPS), timeframe, [one.name for one in features])
    age = np.arange(ROWS) - np.maximum.accumulate(
        np.where(np.isin(np.arange(ROWS), GAPS), np.arange(ROWS), 0)
    )
    for feature in features:
        warm = age < needed(feature, table.get_column("open_time"), timeframe) - 1
        assert (table.get_column(feature.name).is_null().to_numpy() == warm).all(), feature.name


@pytest.mark.parametrize("timeframe", [*TIMEFRAMES, "12h", "1d"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_finite_and_within_bounds(timeframe: str, seed: int) -> None:
    features = existing(timeframe)
    rows = max(2_000, max(one.bars(minutes_of(timeframe)) for one in features) + 500)
    names = [one.name for one in features]
    table = compute(makers.bars(rows, timeframe, seed=seed), timeframe, names)
    for feature in features:
        values = table.get_column(feature.name).drop_nulls().to_numpy()
        assert np.isfinite(values).all(), feature.name
        assert values.min() >= feature.bounds[0], feature.name
        assert values.max() <= feature.bounds[1], feature.name
        if feature.flag and minutes_of(timeframe) <= 60:
            assert np.isin(values, (0.0, 1.0)).all(), feature.name


def test_extreme_bars_stay_within_bounds() -> None:
    """One trade of everything, then nothing; a price that moves by one unit in the last place."""
    bars = makers.bars(400, seed=5)
    up = np.nextafter(100.0, 200.0)
    price = pl.Series(np.where(np.arange(400) % 37 == 36, up, 100.0))
    volume = pl.Series(np.where(np.arange(400) % 29 == 28, 1e12, 0.0))
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    table = compute(bars.with_columns(volume=volume, **prices), "1m", EVERY)
    for feature in BAR_FEATURES:
        values = table.get_column(feature.name).drop_nulls().to_numpy()
        assert ((values >= feature.bounds[0]) & (values <= feature.bounds[1])).all(), feature.name


@pytest.mark.parametrize("feature", catalogue(), ids=lambda f: f.name)
def test_says_what_it_is_and_where_from(feature: Feature) -> None:
    formula, _, source = feature.doc.partition("Source: ")
    assert len(formula.strip()) > 15
    assert len(source.strip()) > 10


def test_result_does_not_depend_on_blocks_or_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = makers.bars(3_000, seed=8, gaps=(1_500,))
    whole = compute(bars, "1m", EVERY)
    for block in (64, 1_000, 2_999):
        monkeypatch.setattr("pipelines.features.engine._BLOCK", block)
        assert compute(bars, "1m", EVERY).equals(whole)


def test_one_feature_alone_is_the_same_column(bars: pl.DataFrame, whole: pl.DataFrame) -> None:
    for name in V5:
        assert compute(bars, "1m", [name]).get_column(name).equals(whole.get_column(name)), name
