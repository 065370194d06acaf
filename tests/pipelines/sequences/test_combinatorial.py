"""combinatorial: no label's information reaches a test or comes back out of one, by an oracle that knows no spans."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import comb

import numpy as np
import polars as pl
import pytest

from pipelines.errors import BadSettings, NotEnoughEvidence
from pipelines.market.schemas import UTC_US
from pipelines.sequences.combinatorial import SHORTEST, Span, combinatorial, embargo_of
from pipelines.sequences.folds import walk_forward
from pipelines.sequences.labels import labels

START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CASES = 10_000


def opens(minutes: np.ndarray) -> pl.Series:
    return pl.Series([START + int(m) * MINUTE for m in minutes], dtype=UTC_US)


def drawn(rng: np.random.Generator, needed: int, groups: int) -> np.ndarray:
    """Open minutes of one or two symbols with random holes, long enough or not."""
    count = int(rng.integers(max(2, needed // 2), needed * groups * 2))
    kept = [np.flatnonzero(rng.random(count) < rng.uniform(0.6, 1.0)) for _ in range(rng.integers(1, 3))]
    return np.concatenate(kept)


def leaks(train: np.ndarray, test: np.ndarray, horizon: int, embargo: int) -> int:
    """Pairs whose information meets, row by row: label of bar m is made of bars m + 1 … m + 1 + horizon."""
    found = 0
    for row in train:
        known = set(range(row + 1, row + 2 + horizon))
        for other in test:
            label = range(other + 1, other + 2 + horizon)
            if row < other:
                found += bool(known & set(label)) or row + 1 + horizon >= other
            else:  # what a training row looks back on holds nothing that a test label is made of
                found += row - embargo <= label[-1]
    return found


def edges_of(test: np.ndarray, spans: tuple[Span, ...]) -> np.ndarray:
    """The first and the last test row of every group: where a leak begins, if there is one."""
    found = []
    for start, end in spans:
        first, last = ((one - START) // MINUTE for one in (start, end))
        inside = test[(test >= first) & (test < last)]
        found += [inside[0], inside[-1]]
    return np.unique(found)


def test_ten_thousand_combinatorial_cases_have_no_overlap() -> None:
    """Random holes, symbols, horizons and embargoes; a random split of each, at all edges and on every third row."""
    rng = np.random.default_rng(20261121)
    checked = 0
    while checked < CASES:
        horizon, embargo = int(rng.integers(1, 4)), int(rng.integers(0, 4))
        groups = int(rng.integers(2, 6))
        minutes = drawn(rng, SHORTEST * (embargo + horizon + 1), groups)
        times, test_groups = opens(minutes), int(rng.integers(1, groups))
        try:
            splits = list(combinatorial(times, "1m", horizon, embargo * MINUTE, groups, test_groups))
        except NotEnoughEvidence:
            continue  # too short: no case
        assert len(splits) == comb(groups, test_groups)
        split = splits[rng.integers(len(splits))]
        train, test = (np.unique(minutes[mask.to_numpy()]) for mask in split.of(times))
        assert leaks(train[::3], test[::3], horizon, embargo) == 0
        assert leaks(train, edges_of(test, split.test), horizon, embargo) == 0
        checked += 1


def test_ten_thousand_walk_forward_folds_have_no_overlap() -> None:
    """No training row's label is known after the first test row opens; symbols with holes of their own."""
    rng = np.random.default_rng(20261122)
    checked = 0
    while checked < CASES:
        horizon = int(rng.integers(1, 5))
        minutes = drawn(rng, 40, 3)
        times = opens(minutes)
        try:
            folds = walk_forward(times, "1m", horizon, 2, 0.5)
        except NotEnoughEvidence:
            continue
        for fold in folds:
            train = minutes[times.is_between(fold.train_start, fold.train_end, closed="left").to_numpy()]
            test = minutes[times.is_between(fold.test_start, fold.test_end, closed="left").to_numpy()]
            assert leaks(np.unique(train), np.unique(test)[:1], horizon, 0) == 0
            checked += 1


@pytest.mark.parametrize("test_groups", [1, 2, 3])
def test_every_choice_is_there_once_and_every_row_is_tested_equally_often(test_groups: int) -> None:
    times = opens(np.arange(6 * 200))
    splits = list(combinatorial(times, "1m", 5, 10 * MINUTE, 6, test_groups))
    assert len({split.test for split in splits}) == comb(6, test_groups)
    often = np.sum([split.of(times)[1].to_numpy() for split in splits], axis=0)
    assert set(often.tolist()) == {comb(5, test_groups - 1)}


def test_as_much_is_trained_on_as_can_be() -> None:
    """One group of 200 minutes in the middle: 6 bars of labels are lost before it, 6 and the embargo of 10 after it."""
    times = opens(np.arange(6 * 200))
    splits = list(combinatorial(times, "1m", 5, 10 * MINUTE, 6, 1))
    for number, split in enumerate(splits):
        lost = 6 * (number > 0) + 16 * (number < 5)
        assert split.of(times)[0].sum() == 1000 - lost


def test_what_cannot_be_split_is_refused_in_words() -> None:
    times = opens(np.arange(600))
    with pytest.raises(BadSettings, match="found 3 of 3"):
        list(combinatorial(times, "1m", 5, MINUTE, 3, 3))
    with pytest.raises(NotEnoughEvidence, match="use walk-forward folds or bring more history"):
        list(combinatorial(times, "1m", 60, embargo_of("1m", 276, 300, 60), 6, 2))


def test_the_embargo_covers_what_a_window_and_its_sigma_look_back_on() -> None:
    """A guide's horizon of a day: σ looks back on 1,440 returns, further than a window of 500 bars."""
    assert embargo_of("1m", 276, 300, 60) == 575 * MINUTE
    assert embargo_of("1m", 276, 500, 1440) == 1441 * MINUTE
    assert embargo_of("1m", 1, 1, 5) == 289 * MINUTE


def test_no_training_label_moves_with_the_bars_of_a_test_label(
    make_bars: Callable[..., pl.DataFrame],
) -> None:
    """σ of a short window's training row after a test looks back furthest: other prices in the test's last label."""
    horizon, groups = 5, 6
    bars = make_bars(groups * SHORTEST * 300 + 400)
    before = labels(bars, "1m", horizon).filter(pl.col("label").is_not_null())
    split = next(
        combinatorial(before["open_time"], "1m", horizon, embargo_of("1m", 1, 10, horizon), groups, 2)
    )
    train, test = (before.filter(mask) for mask in split.of(before["open_time"]))
    last = test["known_from"][-1], test["known_until"][-1]
    of_the_test = pl.col("open_time").is_between(*last, closed="left")
    changed = bars.with_columns(close=pl.when(of_the_test).then(pl.col("close") * 1.5).otherwise("close"))
    after = labels(changed, "1m", horizon)
    assert (train["open_time"] > last[1]).sum() > 1000
    assert train.join(after, on=before.columns, how="anti").is_empty()
    assert not before.join(after, on=before.columns, how="anti").is_empty()
