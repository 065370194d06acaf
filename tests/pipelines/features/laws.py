"""The laws of features as functions of any bars, synthetic or real: each returns what breaks it, empty when nothing.

Written from FEATURES.md and the declarations alone; the engine's own bookkeeping of gaps is not used.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import polars as pl

from pipelines.features import Feature, catalogue, compute
from pipelines.features.declaration import ByClock
from pipelines.features.sets import features_named
from pipelines.features.sources import BESIDE, READ
from pipelines.market.timeframes import length_of, minutes_of
from tests.pipelines.features import makers

Tables = Mapping[str, pl.DataFrame]
NO_TABLES: Tables = {}
Way = Callable[[pl.DataFrame], pl.DataFrame]


def existing(timeframe: str, sources: Sequence[str] = ("bars",)) -> list[Feature]:
    """Every declared feature of these sources that the timeframe has."""
    return [one for one in catalogue() if one.source in sources and one.exists(minutes_of(timeframe))]


def longest(features: Iterable[Feature], timeframe: str) -> int:
    """The longest lookback, in bars."""
    return max(one.bars(minutes_of(timeframe)) for one in features)


def needed(feature: Feature, opens: pl.Series, timeframe: str) -> np.ndarray:
    """Bars, including t, that each bar needs, (N,)."""
    minutes = minutes_of(timeframe)
    if not isinstance(feature.lookback, ByClock):
        return np.full(len(opens), feature.bars(minutes))
    of_day = opens.dt.hour().cast(pl.Int64) * 60 + opens.dt.minute()
    return feature.lookback.needed(of_day.to_numpy() // minutes, minutes)


def ages(opens: pl.Series, timeframe: str) -> np.ndarray:
    """Bars since the start or the last unknown gap, (N,)."""
    row = np.arange(len(opens))
    begins = (opens.diff() != length_of(timeframe)).fill_null(value=True).to_numpy()
    return row - np.maximum.accumulate(np.where(begins, row, 0))


# --- null in warm-up and after unknown gaps, never elsewhere; finite and within declared bounds


def nulls_elsewhere(table: pl.DataFrame, timeframe: str) -> list[str]:
    """Features that are known in a warm-up or unknown outside of one."""
    opens = table.get_column("open_time")
    age = ages(opens, timeframe)
    return [
        feature.name
        for feature in features_named(table.columns[1:])
        if (
            table.get_column(feature.name).is_null().to_numpy()
            != (age < needed(feature, opens, timeframe) - 1)
        ).any()
    ]


def out_of_bounds(table: pl.DataFrame, timeframe: str) -> list[str]:
    """Features with a known value that is not finite, beyond its bounds, or no flag where it should be one."""
    found = []
    for feature in features_named(table.columns[1:]):
        values = table.get_column(feature.name).drop_nulls().to_numpy()
        low, high = feature.bounds
        good = np.isfinite(values) & (values >= low) & (values <= high)
        if feature.flag and minutes_of(timeframe) <= 60:
            good &= np.isin(values, (0.0, 1.0))
        if not good.all():
            found.append(feature.name)
    return found


# --- memory is the lookback


def remembers_more(
    bars: pl.DataFrame, timeframe: str, whole: pl.DataFrame, starts: Iterable[int], tables: Tables = NO_TABLES
) -> list[str]:
    """Features that, computed from a later row on, differ once they are known, or are not known in time.

    The tolerance is FEATURES.md's. Tables begin later too: as long before the bars as the features of their source say
    that they reach behind them. A feature that never becomes known from
    any start is named as well: nothing was tested.
    """
    features = features_named(whole.columns[1:])
    names, tested, wrong = [one.name for one in features], set(), set()
    for start in starts:
        late = bars.slice(start)
        opens = late.get_column("open_time")
        got = compute(late, timeframe, names, **_from(tables, opens[0], features))
        age = ages(opens, timeframe)
        for feature in features:
            known = age >= needed(feature, opens, timeframe) - 1
            ours = got.get_column(feature.name).to_numpy()[known]
            theirs = whole.get_column(feature.name).slice(start).to_numpy()[known]
            scale = feature.scale(theirs, late.get_column("close").to_numpy()[known])
            if not (np.abs(ours - theirs) <= 1e-9 * scale).all():
                wrong.add(feature.name)
            if known.any():
                tested.add(feature.name)
    return sorted(wrong | (set(names) - tested))


def _from(tables: Tables, first: datetime, features: Sequence[Feature]) -> dict[str, pl.DataFrame]:
    found = {}
    for source in BESIDE:
        read = READ[source]
        if read.argument in tables:
            behind = max((one.behind for one in features if one.source == source), default=timedelta(0))
            found[read.argument] = tables[read.argument].filter(pl.col(read.time) >= first - behind)
    return found


# --- the past never changes


def _times(factor: float) -> Way:
    numbers = pl.selectors.numeric()
    return lambda rest: rest.with_columns((numbers * factor).cast(pl.Float64))


@cache
def _market(rows: int) -> pl.DataFrame:
    return makers.bars(rows, seed=99)


def _other_market(rest: pl.DataFrame) -> pl.DataFrame:
    size = 1 << max(2, rest.height).bit_length()  # few sizes, each made once
    return _market(size).head(rest.height).with_columns(rest.get_column("open_time"))


SAME_SHAPE: dict[str, Way] = {
    "times 1e6": _times(1e6),
    "times 1e-6": _times(1e-6),
    "another market": _other_market,
    "ticks lost": makers.without_ticks,
    "reversed": lambda rest: rest.select(pl.exclude("open_time").reverse(), "open_time").select(rest.columns),
    "after a gap": lambda rest: rest.with_columns(pl.col("open_time") + timedelta(days=1)),
}
WAYS: dict[str, Way] = {**SAME_SHAPE, "cut off": lambda rest: rest.clear()}


def past_changes(
    bars: pl.DataFrame, timeframe: str, whole: pl.DataFrame, trials: Iterable[tuple[int, str]]
) -> list[str]:
    """Of (row to cut after, way) those after which some bit up to the cut is another one, with the features."""
    found = []
    for cut, way in trials:
        past, rest = bars.head(cut + 1), bars.slice(cut + 1)
        changed = pl.concat([past, WAYS[way](rest).cast(dict(bars.schema))])
        got = compute(changed, timeframe, whole.columns[1:]).head(cut + 1)
        names = other_bits(whole.head(cut + 1), got)
        if names:
            found.append(f"{way} after row {cut} changes the past of {', '.join(names)}")
    return found


def other_bits(ours: pl.DataFrame, theirs: pl.DataFrame) -> list[str]:
    """Columns of features that are not the same to the last bit, the sign of 0 and null included."""
    return [
        name
        for name in ours.columns[1:]
        if not np.array_equal(_bits(ours.get_column(name)), _bits(theirs.get_column(name)))
    ]


def _bits(column: pl.Series) -> np.ndarray:
    return column.to_numpy().view(np.uint64)
