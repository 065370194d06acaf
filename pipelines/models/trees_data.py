"""What the recipe `boosted_trees` trains on: encoded rows, labels and folds. Nothing is fitted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import NotEnoughEvidence
from pipelines.features import FeatureSet, encoding
from pipelines.models.recipes import recipe
from pipelines.models.served import served
from pipelines.sequences.folds import LEAST_TRAINING, Fold, n_independent, require_evidence, walk_forward
from pipelines.sequences.index import index
from pipelines.sequences.labels import labels
from pipelines.sequences.specs import tabular

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TreesConfig:
    """How the trees are grown and judged. Strong regularisation: an edge here is small."""

    n_folds: int = 5  # expanding walk-forward tests
    min_train_share: float = 0.4  # of the bars, before the first test
    calibration_share: float = 0.2  # of a training span, its last part: fits the temperature
    thin: int = 4  # at most every 4th bar trains, and at least three rows a horizon
    rounds: int = 120  # trees per class
    learning_rate: float = 0.03
    num_leaves: int = 7
    min_data_in_leaf: int = 200  # rows; a tenth of the training rows where they are fewer than 2,000
    feature_fraction: float = 0.3
    bagging_fraction: float = 0.7
    lambda_l2: float = 10.0
    max_bin: int = 63
    seed: int = 7
    threads: int = 1

    def stride(self, horizon: int) -> int:
        """Every how many bars a training row is taken: overlapping labels teach little more."""
        return max(1, min(self.thin, horizon // 3))

    def params(self, rows: int) -> dict[str, Any]:
        """LightGBM's parameters for that many training rows."""
        return {
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": max(20, min(self.min_data_in_leaf, rows // 10)),
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": self.lambda_l2,
            "max_bin": self.max_bin,
            "seed": self.seed,
            "num_threads": self.threads,
        }


@dataclass(frozen=True)
class Problem:
    """Encoded inputs (S, F) of the S bars that a session would forecast, and the rows of them that may train."""

    inputs: Array
    served: pl.DataFrame  # S rows, one an input; label and y are null where the outcome is unknown
    rows: pl.DataFrame  # the index: N ≤ S rows, all with a label
    timeframe: str
    horizon: int
    rule: str
    config: TreesConfig


def prepare(
    features: pl.DataFrame,
    bars: pl.DataFrame,
    timeframe: str,
    feature_set: FeatureSet,
    until: datetime | None,
    horizon: int,
    config: TreesConfig,
) -> Problem:
    """Labels, index and encoded inputs of one symbol, up to `until`; `features` and `bars` are row by row the same."""
    rule = recipe("boosted_trees").label_rule
    outcome = labels(bars, timeframe, horizon, rule)
    spec = tabular(timeframe, horizon)
    rows = index(features, outcome, spec, feature_set.names)
    if until is not None:
        rows = rows.filter(pl.col("known_until") <= until)
    asked = served(features, outcome, spec, feature_set.names, rows)
    taken = features.select("open_time", *feature_set.names)[asked["row"]]
    return Problem(encoding.tabular(taken, feature_set.names), asked, rows, timeframe, horizon, rule, config)


def folds_of(problem: Problem) -> list[Fold]:
    """Folds whose first training span holds 100 independent labels; refuses a rest of fewer than 30."""
    rows, horizon, config = problem.rows, problem.horizon, problem.config
    needed = (LEAST_TRAINING + 1) * (horizon + 1) + 1
    first = max(needed, round(config.min_train_share * rows.height))
    train_n = n_independent(rows[: max(0, first - horizon - 1)], horizon)
    require_evidence(train_n, n_independent(rows[first:], horizon))
    folds = walk_forward(rows["open_time"], problem.timeframe, horizon, config.n_folds, first / rows.height)
    for fold in folds:
        if between(rows, fold.test_start, fold.test_end).is_empty():
            raise NotEnoughEvidence(
                f"not enough evidence: the test span from {fold.test_start} is empty; bring more."
            )
    return folds


def inputs_of(problem: Problem, rows: pl.DataFrame) -> Array:
    """Encoded inputs (M, F) of a selection of the problem's served rows."""
    at = np.searchsorted(problem.served["row"].to_numpy(), rows["row"].to_numpy())
    return problem.inputs[at]


def between(rows: pl.DataFrame, start: datetime, end: datetime) -> pl.DataFrame:
    """The rows that open in [start, end)."""
    return rows.filter((pl.col("open_time") >= start) & (pl.col("open_time") < end))
