"""How alike the encoded features are: Spearman's rank correlation, and which pairs are so by construction."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pipelines.features.reporting.bins import Array

ALIKE = 0.95  # |ρ| from which a pair is named
FEWEST = 100  # rows in which both are known, below which nothing is said
REDUNDANT = (
    (("spread", "spread_pct"), "encoded `spread` is `spread_pct` / 100"),
    (("sell_volume_ratio", "buy_volume_ratio"), "`sell_volume_ratio` is 1 − `buy_volume_ratio`"),
    (
        ("macd_histogram", "macd", "macd_signal"),
        "`macd_histogram` is `macd` − `macd_signal`",
    ),
    (("flow_diff", "S_top", "S_bot"), "`flow_diff` is `S_top` − `S_bot`"),
)
"""Features that others determine (FEATURES.md, v5): the names, and in which way."""


def redundant(names: Sequence[str]) -> list[str]:
    """What is redundant by construction among these features, in words."""
    return [words for members, words in REDUNDANT if set(members) <= set(names)]


def spearman(encoded: Array) -> Array:
    """Rank correlation of each pair of columns, (F, F), over the rows in which both are known (NaN: unknown).

    Ranks are taken over all known rows of a column, ties share theirs. NaN where a column is constant or fewer than
    FEWEST rows are common.
    """
    known = ~np.isnan(encoded)
    ranks = np.column_stack([_ranks(column) for column in encoded.T]) if encoded.size else encoded
    both = known.T.astype(np.float64) @ known
    sums, squares = ranks.T @ known, (ranks**2).T @ known
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = ranks.T @ ranks - sums * sums.T / both
        variance = squares - sums**2 / both
        variance[variance <= 1e-9 * both] = np.nan  # constant where both are known
        found: Array = covariance / np.sqrt(variance * variance.T)
    found[both < FEWEST] = np.nan
    return np.clip(found, -1.0, 1.0)


def alike(correlation: Array, names: Sequence[str]) -> list[tuple[str, str, float]]:
    """Pairs with |ρ| ≥ ALIKE that are not redundant by construction, the most alike first."""
    made = {frozenset(pair) for members, _ in REDUNDANT for pair in _pairs(members)}
    upper = np.triu(np.abs(np.nan_to_num(correlation)) >= ALIKE, k=1)
    found = [
        (names[i], names[j], float(correlation[i, j]))
        for i, j in zip(*np.nonzero(upper), strict=True)
        if frozenset((names[i], names[j])) not in made
    ]
    return sorted(found, key=lambda pair: -abs(pair[2]))


def _pairs(members: Sequence[str]) -> list[tuple[str, str]]:
    return [(a, b) for i, a in enumerate(members) for b in members[i + 1 :]]


def _ranks(column: Array) -> Array:
    """Ranks in [−1, 1] around 0, (N,); 0 where the value is unknown."""
    ranks = pl.Series(column).fill_nan(None).rank("average")
    half = (len(ranks) - ranks.null_count() + 1) / 2
    centred: Array = ((ranks - half) / half).fill_null(0.0).to_numpy()
    return centred
