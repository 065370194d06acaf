"""The laws on a series of 53,280 minutes, 37 days: what shows only at a boundary of time, of storage or of the engine.

The thirty days of volatility_regime are known from the 33rd day on; a gap in the first hours and one in the last days.
"""

import numpy as np
import polars as pl
import pytest

from pipelines.features import compute, engine
from tests.pipelines.features import laws, makers

NAMES = [one.name for one in laws.existing("1m")]
DAY = 1_440
ROWS, GAPS = 37 * DAY, (100, 36 * DAY)
WAYS = [*laws.WAYS]
SIZE = engine._block_size(ROWS, 2)
"""Rows of a block where two threads share the work, as here and in CI."""


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return makers.bars(ROWS, gaps=GAPS, seed=12)


@pytest.fixture(scope="module")
def whole(bars: pl.DataFrame) -> pl.DataFrame:
    return compute(bars, "1m", NAMES)


def boundaries(opens: pl.Series) -> dict[str, list[int]]:
    """Rows with which something begins, by what it is."""
    minute = (opens.dt.epoch("s") // 60).to_numpy()
    days = np.flatnonzero(minute % DAY == 0)
    step = np.diff(minute)
    return {
        "a day": [int(days[k]) for k in (1, 31, -1)],
        "a month": np.flatnonzero(np.diff(opens.dt.month().to_numpy()))[:2] + 1,
        "after a gap": np.flatnonzero(step > 1) + 1,
        "a block of the engine": [SIZE, SIZE - engine._HISTORY],
        "1,024 rows": [1_024, 3 * 1_024],
        "4,096 rows": [4_096, 8 * 4_096, 12 * 4_096],
        "4,096 minutes since 1970": np.flatnonzero(minute % 4_096 == 0)[[0, -1]],
        "a known regime": [int(days[33])],
    }


def test_the_past_never_changes_at_boundaries_and_at_random(bars: pl.DataFrame, whole: pl.DataFrame) -> None:
    """The last row before each boundary and the first one after it, and 12 random rows; three ways each, in turn.

    Every way meets every kind of boundary that has three rows or more, most of them several times.
    """
    edges = [row for rows in boundaries(bars["open_time"]).values() for row in rows]
    random = np.random.default_rng(5).integers(0, ROWS - 1, 12)
    cuts = sorted({int(cut) for row in edges for cut in (row - 1, row)} | {int(cut) for cut in random})
    assert len(cuts) >= 40
    trials = [(cut, WAYS[(3 * place + k) % len(WAYS)]) for place, cut in enumerate(cuts) for k in range(3)]
    assert laws.past_changes(bars, "1m", whole, trials) == []


def test_null_only_in_warm_ups_and_finite_within_bounds(whole: pl.DataFrame) -> None:
    assert laws.nulls_elsewhere(whole, "1m") == []
    assert laws.out_of_bounds(whole, "1m") == []
    regime = whole["volatility_regime"]
    assert set(regime.drop_nulls().to_list()) == {0.0, 1.0, 2.0}
    assert regime.slice(GAPS[1]).null_count() == ROWS - GAPS[1]


def test_memory_is_the_lookback(bars: pl.DataFrame, whole: pl.DataFrame) -> None:
    """A trader that starts at any of these rows agrees with the whole history."""
    starts = (101, 1_024, 1_500, 2_880)  # the thirty days must still be there
    assert laws.remembers_more(bars, "1m", whole, starts) == []


def test_each_run_gives_what_it_would_give_alone(bars: pl.DataFrame, whole: pl.DataFrame) -> None:
    for start, stop in zip((0, *GAPS), (*GAPS, ROWS), strict=True):
        alone = compute(bars.slice(start, stop - start), "1m", NAMES)
        assert laws.other_bits(alone, whole.slice(start, stop - start)) == []
