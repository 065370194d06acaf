"""What the recipe `timing` trains on: index and matrix per symbol, and their split. Nothing is fitted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData
from pipelines.models.recipes import recipe
from pipelines.models.served import served
from pipelines.models.timing_feed import Part
from pipelines.models.timing_split import Split, known, split, stride_for
from pipelines.sequences.folds import LEAST_TRAINING, n_independent, require_evidence
from pipelines.sequences.index import index
from pipelines.sequences.labels import labels
from pipelines.sequences.matrix import matrix
from pipelines.sequences.specs import SequenceSpec
from pipelines.sequences.windows import Windows

Tables = Mapping[str, tuple[pl.DataFrame, pl.DataFrame]]
"""Per symbol its feature table and its bars, row by row the same."""
Matrices = Mapping[str, NDArray[np.float32]]
"""Per symbol its raw feature matrix (N, F)."""
Until = datetime | Mapping[str, datetime] | None
"""End of what may be known: for all symbols, or per symbol where their histories end at different times."""


@dataclass(frozen=True)
class TimingData:
    """Index and matrix per symbol, in the order of the symbols' names."""

    indexes: dict[str, pl.DataFrame]
    served: dict[str, pl.DataFrame]  # what a session would forecast, with or without a label
    matrices: dict[str, NDArray[np.float32]]
    split: Split
    excluded: dict[str, str]  # symbol and why

    def parts(self, name: str, most: int | None = None) -> dict[str, pl.DataFrame]:
        """Rows per symbol of a part of the split, thinned by a regular stride to at most `most` in all."""
        whole = {symbol: self.split.part(rows, name) for symbol, rows in self.indexes.items()}
        stride = 1 if most is None else stride_for(whole, most)
        return {symbol: rows.gather_every(stride) for symbol, rows in whole.items()}

    def test(self) -> dict[str, pl.DataFrame]:
        """Rows per symbol that are forecast out of sample: every one, because a session trades every bar."""
        return {symbol: self.split.part(rows, "test") for symbol, rows in self.served.items()}

    def windows(self, symbol: str, rows: pl.DataFrame) -> Windows:
        """The windows that end in those rows of a symbol."""
        return Windows(self.matrices[symbol], rows["row"].to_numpy(), self.split.spec.bars)

    def labelled(self, parts: Mapping[str, pl.DataFrame]) -> list[Part]:
        """The windows and classes of rows of the indexes, symbol by symbol."""
        return [
            Part(self.windows(symbol, rows), rows["label"].to_numpy().astype(np.int64))
            for symbol, rows in parts.items()
        ]

    def independent(self, name: str) -> int:
        """Independent labels in a part; bars that symbols share count once."""
        return n_independent(pl.concat(list(self.parts(name).values())), self.split.horizon)


def prepare(
    tables: Tables,
    spec: SequenceSpec,
    horizon: int,
    names: tuple[str, ...],
    until: Until,
    matrices: Matrices | None,
    shares: tuple[float, float],
) -> TimingData:
    """Index every symbol, split them together, leave out those with too few independent training labels.

    `shares`: of the time before the test, and of that part for validation. Raises NotEnoughEvidence, naming
    the counts of the symbols together, when no symbol or too little test remains; BadData when a matrix
    does not fit its table.
    """
    ends = until if isinstance(until, Mapping) else dict.fromkeys(tables, until)
    both = {symbol: _rows(*tables[symbol], spec, horizon, names, ends[symbol]) for symbol in sorted(tables)}
    indexes = {symbol: rows for symbol, (rows, _) in both.items()}
    first = split(indexes, spec, horizon, *shares)
    found = {
        symbol: n_independent(first.part(rows, "before test"), horizon) for symbol, rows in indexes.items()
    }
    kept = {symbol: rows for symbol, rows in indexes.items() if found[symbol] >= LEAST_TRAINING}
    excluded = {
        symbol: f"n_eff {count} of {LEAST_TRAINING} in training"
        for symbol, count in found.items()
        if symbol not in kept
    }
    if not kept:
        test_n = n_independent(pl.concat([first.part(rows, "test") for rows in indexes.values()]), horizon)
        require_evidence(max(found.values()), test_n)
    cut = split(kept, spec, horizon, *shares)
    asked = {symbol: both[symbol][1] for symbol in kept}
    data = TimingData(
        kept, asked, {s: _matrix(s, tables[s][0], names, matrices) for s in kept}, cut, excluded
    )
    require_evidence(data.independent("before test"), data.independent("test"))
    return data


def _rows(
    features: pl.DataFrame,
    bars: pl.DataFrame,
    spec: SequenceSpec,
    horizon: int,
    names: tuple[str, ...],
    until: datetime | None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows with a label, and all that a session would forecast."""
    outcome = labels(bars, spec.timeframe, horizon, recipe("timing").label_rule)
    found = index(features, outcome, spec, names).filter(known(until))
    return found, served(features, outcome, spec, names, found)


def _matrix(
    symbol: str, features: pl.DataFrame, names: tuple[str, ...], matrices: Matrices | None
) -> NDArray[np.float32]:
    if matrices is None:
        return matrix(features, names)
    if matrices[symbol].shape != (features.height, len(names)):
        raise BadData(
            f"matrix of {symbol} must have shape {(features.height, len(names))}, "
            f"found {matrices[symbol].shape}; build it from the same features."
        )
    return matrices[symbol]
