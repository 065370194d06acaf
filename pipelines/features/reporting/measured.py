"""Everything that the report says of one feature table, as numbers. Pages and pictures are made of it elsewhere.

All but the null shares is of encoded values, each row a window of its own last bar: what a tabular model reads, and
free of currency and level. `close` is constant there by definition.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from pipelines.errors import NotEnoughEvidence
from pipelines.features import catalogue
from pipelines.features.reporting.bins import Array
from pipelines.features.reporting.drift import drift
from pipelines.features.reporting.information import Importance, entropy, importance
from pipelines.features.reporting.relation import spearman
from pipelines.features.reporting.sparkline import sparkline
from pipelines.features.reporting.values import encoded

SAMPLE = 20_000  # rows for correlation, distribution and importance
SEED = 20_260_301  # the same table gives the same page
INDEPENDENT = 100  # labels without overlap below which importance says nothing: training refuses them too


@dataclass(frozen=True)
class Labelled:
    """The labels that importance may look at, and how far they reach."""

    rows: pl.DataFrame  # open_time, label (0, 1, 2; no null), sorted; none of a hold-out
    horizon: int  # bars

    @property
    def independent(self) -> int:
        """About how many labels do not overlap."""
        return self.rows.height // (self.horizon + 1)


@dataclass(frozen=True)
class Measured:
    """The numbers of one report."""

    timeframe: str
    rows: int
    first: datetime
    last: datetime
    table: pl.DataFrame  # a row per feature: name, nulls, bits, floor, shape, and those of _newest
    drift: pl.DataFrame  # drift.DRIFT
    correlation: Array  # (F, F), NaN where nothing is said
    entropy: float  # of the label, bits; 0 when importance says nothing
    labels: Labelled

    @property
    def names(self) -> list[str]:
        """The features, in the order of the table."""
        return self.table["name"].to_list()


def measure(features: pl.DataFrame, labels: Labelled, timeframe: str) -> Measured:
    """Measure a feature table of one symbol and timeframe, sorted by open_time.

    Raises NotEnoughEvidence for a table without rows.
    """
    if features.is_empty():
        raise NotEnoughEvidence(
            "not enough evidence: the feature table has no row, expected at least one; materialize `features` first."
        )
    declared = {one.name for one in catalogue()}
    names = [
        name for name in features.columns[1:] if name in declared
    ]  # a table keeps the columns of removed ones
    moved = drift(features, names)
    values = encoded(sample(features), names)
    worth, bits = _importance(features, labels, names)
    own = pl.DataFrame(
        {
            "name": names,
            "nulls": [features[name].null_count() / features.height for name in names],
            "bits": [one.bits if one else None for one in worth],
            "floor": [one.floor if one else None for one in worth],
            "shape": [sparkline(column) for column in values.T],
        },
        schema_overrides={"bits": pl.Float64, "floor": pl.Float64},
    )
    return Measured(
        timeframe,
        features.height,
        features["open_time"][0],
        features["open_time"][-1],
        own.join(_newest(moved), on="name", how="left", maintain_order="left"),
        moved,
        spearman(values),
        bits,
        labels,
    )


def sample(rows: pl.DataFrame) -> pl.DataFrame:
    """At most SAMPLE rows in their order, drawn with a fixed seed: an even stride would beat with the hours."""
    if rows.height <= SAMPLE:
        return rows
    drawn = np.random.default_rng(SEED).choice(rows.height, SAMPLE, replace=False)
    return rows[np.sort(drawn)]


def _importance(
    features: pl.DataFrame, labels: Labelled, names: Sequence[str]
) -> tuple[list[Importance | None], float]:
    if labels.independent < INDEPENDENT:
        return [None] * len(names), 0.0
    drawn = sample(features.join(labels.rows, on="open_time", how="inner", maintain_order="left"))
    classes = drawn["label"].cast(pl.Int64).to_numpy()
    worth = [importance(column, classes) for column in encoded(drawn, names).T]
    return worth, entropy(np.bincount(classes))


def _newest(moved: pl.DataFrame) -> pl.DataFrame:
    """Of each feature: the newest month's null share and PSI, and the month that moved most."""
    by = pl.col("psi").arg_max()
    return moved.group_by("name").agg(
        pl.col("month").last(),
        pl.col("nulls").last().alias("nulls_newest"),
        pl.col("psi").last(),
        pl.col("psi").max().alias("psi_worst"),
        pl.when(pl.col("psi").is_not_null().any()).then(pl.col("month").get(by)).alias("psi_worst_month"),
    )
