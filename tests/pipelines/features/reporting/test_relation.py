"""Correlation against scipy, and which pairs are named."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from pipelines.features import catalogue
from pipelines.features.reporting.relation import ALIKE, FEWEST, REDUNDANT, alike, redundant, spearman

RNG = np.random.default_rng(9)


def columns() -> np.ndarray:
    base = RNG.normal(size=(500, 4))
    base[:, 1] += base[:, 0]
    base[:, 2] = np.round(base[:, 2])  # ties
    base[:, 3] = -np.exp(base[:, 0])  # falling in the first
    return base


def test_it_is_spearmans_with_ties() -> None:
    values = columns()
    assert spearman(values) == pytest.approx(spearmanr(values).statistic, abs=1e-12)


def test_only_rows_that_both_know_count() -> None:
    values = columns()
    whole = spearman(values)
    padded = np.vstack([values, np.full((300, 4), np.nan)])
    assert spearman(padded) == pytest.approx(whole, abs=1e-12)
    padded[500:, 2] = 5.0  # known alone: changes its own ranks, and what it shares with the others a little
    assert spearman(padded)[:2, :2] == pytest.approx(whole[:2, :2], abs=1e-12)


def test_a_constant_or_hardly_known_column_has_no_correlation() -> None:
    values = columns()
    values[:, 2] = 1.0
    values[FEWEST - 1 :, 3] = np.nan
    found = spearman(values)
    assert np.isnan(found[2]).all()
    assert np.isnan(found[3]).all()
    assert found[0, 1] == spearman(values[:, :2])[0, 1]


def test_pairs_by_construction_are_named_apart_from_those_that_happen_to_be_alike() -> None:
    names = ["spread", "spread_pct", "atr"]
    found = np.array([[1, 1, 0.97], [1, 1, -0.96], [0.97, -0.96, 1]])
    assert alike(found, names) == [("spread", "atr", 0.97), ("spread_pct", "atr", -0.96)]
    assert redundant(names) == ["encoded `spread` is `spread_pct` / 100"]
    assert alike(np.full((3, 3), ALIKE - 0.01), names) == []
    assert alike(np.full((3, 3), np.nan), names) == []


def test_the_three_of_the_53_are_named() -> None:
    names = [one.name for one in catalogue()]
    assert len([words for words in redundant(names) if "flow_diff" not in words]) == 3
    assert all(set(members) <= set(names) for members, _ in REDUNDANT if "flow_diff" not in members)
