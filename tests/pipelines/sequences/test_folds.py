"""Folds: no information interval of training meets the test, whatever the gaps; and too little is refused."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadSettings, NotEnoughEvidence
from pipelines.market.timeframes import length_of
from pipelines.sequences.folds import n_independent, purge_of, require_evidence, walk_forward

START = datetime(2026, 1, 1, tzinfo=UTC)


@settings(max_examples=80, deadline=None)
@given(
    kept=st.lists(st.booleans(), min_size=60, max_size=300).filter(lambda k: sum(k) >= 20),
    horizon=st.integers(1, 40),
    n_folds=st.integers(1, 6),
    share=st.floats(0.2, 0.7),
    timeframe=st.sampled_from(["1m", "15m", "1h", "1d"]),
    symbols=st.integers(1, 3),
)
def test_training_information_ends_before_the_test(kept, horizon, n_folds, share, timeframe, symbols) -> None:
    bar = length_of(timeframe)
    times = [START + bar * i for i, keep in enumerate(kept) if keep]
    folds = walk_forward(pl.Series(times * symbols), timeframe, horizon, n_folds, share)
    assert len(folds) == n_folds
    tested = []
    for fold in folds:
        train = [t for t in times if fold.train_start <= t < fold.train_end]
        test = [t for t in times if fold.test_start <= t < fold.test_end]
        tested += test
        assert test
        assert fold.train_start == times[0]  # expanding
        for t in train:
            assert t + bar * (horizon + 2) <= fold.test_start  # known_until
            assert (test[0] - t) // bar >= horizon + 1
        missed = [t for t in times if fold.train_end <= t < fold.test_start]
        assert all(t + bar * (horizon + 2) > fold.test_start for t in missed)  # no row purged without need
    first = times.index(folds[0].test_start)
    assert tested == times[first:]  # every later row is tested exactly once


def test_the_purge_is_a_time_not_a_row_count() -> None:
    assert purge_of("5m", 12) == timedelta(minutes=65)


def test_independent_labels_count_shared_bars_once() -> None:
    times = [START + timedelta(minutes=i) for i in range(130)]
    frame = pl.DataFrame(
        {"open_time": times, "label": [None] * 8 + [1] * 122}, schema_overrides={"label": pl.Int8}
    )
    assert n_independent(frame, 60) == 2
    assert n_independent(pl.concat([frame, frame]), 60) == 2
    assert n_independent(times, 12) == 10


def test_too_little_is_refused_with_both_counts() -> None:
    require_evidence(100, 30)
    with pytest.raises(NotEnoughEvidence, match=r"n_eff 29 of 30 in test and 100 of 100 in training"):
        require_evidence(100, 29)
    with pytest.raises(NotEnoughEvidence, match=r"99 of 100"):
        require_evidence(99, 30)
    with pytest.raises(NotEnoughEvidence, match="5 folds"):
        walk_forward(pl.Series([START]), "1m", 1, 5, 0.4)
    with pytest.raises(BadSettings, match="min_train_share"):
        walk_forward(pl.Series([START]), "1m", 1, 5, 1.0)
