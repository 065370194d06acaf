"""The one chronological split of the recipe `timing`: train, validate, test, purged, across all symbols.

No window crosses a boundary: a validation or test window lies wholly inside its own span. Nothing is fitted
here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import NotEnoughEvidence
from pipelines.market.timeframes import length_of
from pipelines.sequences.folds import purge_of
from pipelines.sequences.specs import SequenceSpec


@dataclass(frozen=True)
class Split:
    """Boundaries by open time: training ends before `validate`, validation before `test`, less the purge."""

    validate: datetime
    test: datetime
    spec: SequenceSpec
    horizon: int

    def part(self, index: pl.DataFrame, name: str) -> pl.DataFrame:
        """The rows of one symbol's index in `train`, `validate`, `test` or `before test` (the first two)."""
        purge = purge_of(self.spec.timeframe, self.horizon)
        reach = length_of(self.spec.timeframe) * (
            self.spec.bars - 1
        )  # from the window's last bar to its first
        when = pl.col("open_time")
        inside = {
            "train": when < self.validate - purge,
            "validate": (when - reach >= self.validate) & (when < self.test - purge),
            "test": when - reach >= self.test,
            "before test": when < self.test - purge,
        }
        return index.filter(inside[name])


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
    if len(times) < 3:
        raise NotEnoughEvidence(
            f"not enough evidence: {len(times)} windows of {spec.name} in all; bring more history."
        )
    at = round(len(times) * train_share)
    return Split(times[round(at * (1 - validation_share))], times[at], spec, horizon)


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
