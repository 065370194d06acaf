"""The one chronological split of the recipe `timing`: train, validate, test, purged, across all symbols.

No window crosses a boundary: a validation or test window lies wholly inside its own span. A stored dataset holds one
symbol and carries the same split of that symbol alone (`folded`). Nothing is fitted here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import NotEnoughEvidence
from pipelines.market.timeframes import length_of
from pipelines.sequences.folds import n_independent, purge_of, require_evidence
from pipelines.sequences.grid import micros, step_of
from pipelines.sequences.specs import SequenceSpec
from pipelines.sequences.uniqueness import uniqueness

LEAST_TO_CUT = 3  # windows: one for each part


@dataclass(frozen=True)
class Split:
    """Boundaries by open time: training ends before `validate`, validation before `test`, less the purge."""

    validate: datetime
    test: datetime
    spec: SequenceSpec
    horizon: int

    def part(self, index: pl.DataFrame, name: str) -> pl.DataFrame:
        """The rows of one symbol's index in `train`, `validate`, `test` or `before test` (the first two)."""
        return index.filter(self._inside()[name])

    def fold(self, until: datetime | None) -> pl.Expr:
        """The name of each row's fold: `train`, `validate` or `test`; else why it has none.

        `purged`: its label or its window reaches over a boundary; `holdout`: its label is known after `until`.
        """
        inside = self._inside()
        named = pl.lit("purged")
        for name in ("train", "validate", "test"):
            named = pl.when(inside[name]).then(pl.lit(name)).otherwise(named)
        return pl.when(known(until)).then(named).otherwise(pl.lit("holdout")).alias("fold")

    def _inside(self) -> dict[str, pl.Expr]:
        purge = purge_of(self.spec.timeframe, self.horizon)
        reach = length_of(self.spec.timeframe) * (
            self.spec.bars - 1
        )  # from the window's last bar to its first
        when = pl.col("open_time")
        return {
            "train": when < self.validate - purge,
            "validate": (when - reach >= self.validate) & (when < self.test - purge),
            "test": when - reach >= self.test,
            "before test": when < self.test - purge,
        }


@dataclass(frozen=True)
class Folded:
    """The index of one symbol with the column `fold`, and the independent labels that its split leaves."""

    rows: pl.DataFrame
    training: int  # before the test: training and validation
    test: int


def split(
    indexes: Mapping[str, pl.DataFrame],
    spec: SequenceSpec,
    horizon: int,
    train_share: float,
    validation_share: float,
) -> Split:
    """Cuts the unique open times of all symbols: `train_share` before the test, its last part for validation.

    Raises NotEnoughEvidence when there is nothing to cut.
    """
    frames = [frame["open_time"] for frame in indexes.values()]
    times: list[datetime] = pl.concat(frames).unique().sort().to_list() if frames else []
    if len(times) < LEAST_TO_CUT:
        raise NotEnoughEvidence(
            f"not enough evidence: {len(times)} windows of {spec.name} in all; bring more history."
        )
    at = round(len(times) * train_share)
    return Split(times[round(at * (1 - validation_share))], times[at], spec, horizon)


def known(until: datetime | None) -> pl.Expr:
    """Whether a row's label is known by `until`: everything when it is None."""
    return pl.lit(value=True) if until is None else pl.col("known_until") <= until


def folded(
    index: pl.DataFrame, spec: SequenceSpec, until: datetime | None, shares: tuple[float, float], what: str
) -> Folded:
    """One symbol's index with the fold of each window when the symbol is trained by itself.

    `until`: end of what training may know; `shares`: of the time before the test, and of that part for validation;
    `what`: named in a refusal. Training on several symbols cuts them all at the same moments, which are this
    symbol's own only where the histories agree. Raises NotEnoughEvidence with both counts below 100 independent
    labels in training or 30 in test.
    """
    usable = index.filter(known(until))
    if usable.height < LEAST_TO_CUT:
        require_evidence(0, 0, what)
    cut = split({what: usable}, spec, spec.horizon, *shares)
    training, test = (n_independent(cut.part(usable, name), spec.horizon) for name in ("before test", "test"))
    require_evidence(training, test, what)
    return Folded(_unique_in_fold(index.with_columns(cut.fold(until)), spec), training, test)


def _unique_in_fold(rows: pl.DataFrame, spec: SequenceSpec) -> pl.DataFrame:
    """Rows with their uniqueness among the labels of their own fold: a training weight knows nothing of a test."""
    own = np.zeros(rows.height)
    for name in rows["fold"].unique():
        inside = (rows["fold"] == name).to_numpy()
        times = micros(rows["open_time"].filter(rows["fold"] == name))
        own[inside] = uniqueness(times, step_of(spec.timeframe), spec.horizon)
    return rows.with_columns(pl.Series("uniqueness", own, dtype=pl.Float64))


def stride_for(parts: Mapping[str, pl.DataFrame], most: int) -> int:
    """The smallest stride that leaves at most `most` windows over all symbols."""
    return max(1, -(-sum(part.height for part in parts.values()) // most))


def shuffled(counts: list[int], batch: int, rng: np.random.Generator) -> list[list[NDArray[np.int64]]]:
    """One epoch: batches of window numbers, one array a symbol, every window exactly once in random order."""
    owner = np.repeat(np.arange(len(counts)), counts)
    number = np.concatenate([np.arange(count) for count in counts])
    order = rng.permutation(owner.size)
    cuts = [order[first : first + batch] for first in range(0, order.size, batch)]
    return [[number[cut][owner[cut] == symbol] for symbol in range(len(counts))] for cut in cuts]
