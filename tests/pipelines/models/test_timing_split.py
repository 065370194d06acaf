"""Folds of a stored index: the names are training's own split, and too few independent labels are refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import NotEnoughEvidence
from pipelines.features import feature_set
from pipelines.models.timing_data import prepare
from pipelines.models.timing_split import folded, known, split
from pipelines.sequences.grid import micros, step_of
from pipelines.sequences.index import index
from pipelines.sequences.labels import labels
from pipelines.sequences.specs import SequenceSpec
from pipelines.sequences.uniqueness import uniqueness

TINY = SequenceSpec("tiny", 5, "1m", 3, 3, "test")
MINUTE = timedelta(minutes=1)
START = 1_767_225_600_000_000
V4 = feature_set("v4")


def rows(at: list[int], horizon: int) -> pl.DataFrame:
    """Index rows of bars at those minutes, with their uniqueness among all of them."""
    times = pl.Series(np.array(at) * 60_000_000 + START).cast(pl.Datetime("us", "UTC"))
    return pl.DataFrame({"open_time": times, "label": [1] * len(at)}).with_columns(
        known_until=pl.col("open_time") + MINUTE * (horizon + 2),
        uniqueness=pl.Series(uniqueness(micros(times), step_of("1m"), horizon)),
    )


@settings(max_examples=80, deadline=None)
@given(
    gaps=st.lists(st.integers(1, 40), max_size=5),
    holdout=st.integers(0, 200),
    train=st.floats(0.5, 0.8),
    validation=st.floats(0.1, 0.4),
)
def test_every_window_has_one_fold_and_none_leaks(
    gaps: list[int], holdout: int, train: float, validation: float
) -> None:
    lengths = np.cumsum(np.concatenate([[0], np.repeat([*gaps, 0], 1)]))
    at = [int(minute + lengths[min(minute // 400, len(lengths) - 1)]) for minute in range(1600)]
    whole = rows(at, TINY.horizon)
    until = whole["open_time"][-1] - holdout * MINUTE
    shares = (train, validation)
    found = folded(whole, TINY, until, shares, "A-USD|tiny")
    assert found.rows.drop("fold", "uniqueness").equals(whole.drop("uniqueness"))
    usable = whole.filter(known(until))
    cut = split({"A-USD": usable}, TINY, TINY.horizon, *shares)
    by = {
        name: found.rows.filter(pl.col("fold") == name).drop("fold", "uniqueness")
        for name in found.rows["fold"].unique()
    }
    for name in ("train", "validate", "test"):
        assert by[name].equals(cut.part(usable, name).drop("uniqueness")), name
    assert set(by) <= {"train", "validate", "test", "purged", "holdout"}
    beyond = by.get("holdout", whole.head(0))
    assert beyond.equals(whole.filter(pl.col("known_until") > until).drop("uniqueness"))
    first = {name: by[name]["open_time"].min() - MINUTE * (TINY.bars - 1) for name in ("validate", "test")}
    assert by["train"]["known_until"].max() <= first["validate"] + MINUTE
    assert by["validate"]["known_until"].max() <= first["test"] + MINUTE
    assert by["test"]["known_until"].max() <= until


def test_a_weight_knows_its_own_fold_alone() -> None:
    """Without a row after the training part its uniqueness is the same, to the last bit."""
    whole = rows(list(range(1200)), TINY.horizon)
    found = folded(whole, TINY, None, (0.7, 0.2), "A-USD|tiny").rows
    training = found.filter(pl.col("fold") == "train")
    alone = uniqueness(micros(training["open_time"]), step_of("1m"), TINY.horizon)
    assert training["uniqueness"].to_list() == alone.tolist()
    assert (
        training["uniqueness"][-1]
        > whole.filter(pl.col("open_time") == training["open_time"][-1])["uniqueness"][0]
    )


def counts(minutes: int) -> tuple[int, int]:
    found = folded(rows(list(range(minutes)), TINY.horizon), TINY, None, (0.7, 0.2), "A-USD|tiny")
    return found.training, found.test


def test_both_counts_are_said_and_the_least_is_exact() -> None:
    """Four bars a label: 576 minutes leave 403 − 4 before the test, one label too few for a hundred."""
    assert counts(577) == (100, 42)
    with pytest.raises(
        NotEnoughEvidence,
        match=r"evidence: A-USD\|tiny: n_eff 42 of 30 in test and 99 of 100 in training; bring more history",
    ):
        counts(576)
    with pytest.raises(NotEnoughEvidence, match="n_eff 0 of 30 in test and 0 of 100 in training"):
        counts(2)
    with pytest.raises(NotEnoughEvidence, match="n_eff 29 of 30 in test and 348 of 100 in training"):
        folded(rows(list(range(1520)), 3), TINY, None, (0.92, 0.2), "A-USD|tiny")


def indexed(tables: tuple[pl.DataFrame, pl.DataFrame], spec: SequenceSpec) -> pl.DataFrame:
    features, bars = tables
    return index(features, labels(bars, spec.timeframe, spec.horizon), spec, V4.names)


def test_training_on_one_symbol_or_on_equal_histories_cuts_where_the_folds_say(
    market: Callable[..., Any],
) -> None:
    """Of symbols that began at different times training cuts at moments common to all, which are nobody's own."""
    spec, shares = SequenceSpec("hours", 24, "1h", 6, 6, "test"), (0.7, 0.2)
    one, two = market(2000, seed=1), market(2000, seed=2)
    until = one[0]["open_time"][-100]
    late = tuple(table.tail(1800) for table in two)
    for tables in ({"A-USD": one}, {"A-USD": one, "B-USD": two}):
        data = prepare(tables, spec, spec.horizon, V4.names, until, None, shares)
        for symbol in tables:
            own = folded(indexed(tables[symbol], spec), spec, until, shares, symbol).rows
            for name in ("train", "validate", "test"):
                expected = own.filter(pl.col("fold") == name).drop("fold", "uniqueness")
                assert data.parts(name)[symbol].drop("uniqueness").equals(expected), (symbol, name)
    mixed = prepare({"A-USD": one, "B-USD": late}, spec, spec.horizon, V4.names, until, None, shares)
    own = folded(indexed(late, spec), spec, until, shares, "B-USD").rows
    assert (
        mixed.parts("test")["B-USD"]["open_time"].min()
        < own.filter(pl.col("fold") == "test")["open_time"].min()
    )
