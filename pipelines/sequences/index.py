"""The index of a sequence dataset: which bars may end a window, and their labels. No copies here."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData
from pipelines.sequences.grid import micros, run_position, step_of
from pipelines.sequences.specs import SequenceSpec
from pipelines.sequences.uniqueness import uniqueness

COLUMNS = ("open_time", "row", "label", "y", "sigma", "known_from", "known_until", "uniqueness")


def complete_rows(features: pl.DataFrame, names: Sequence[str]) -> NDArray[np.bool_]:
    """True (N,) where every named column holds a finite number."""
    missing = [name for name in names if name not in features.columns]
    if missing:
        raise BadData(
            f"the feature table must hold {missing[0]!r}, found no such column; compute the features again."
        )
    whole = [pl.col(name).is_not_null() & pl.col(name).is_finite() for name in names]
    result: NDArray[np.bool_] = features.select(pl.all_horizontal(whole)).to_series().to_numpy()
    return result


def window_ends(features: pl.DataFrame, timeframe: str, bars: int, names: Sequence[str]) -> NDArray[np.int64]:
    """Rows (W,) that may end a window: no null feature and no unknown gap in [end − bars + 1, end].

    `features`: one symbol's table, open_time strictly increasing (BadData otherwise), so no window crosses
    a symbol.
    """
    usable = complete_rows(features, names)
    position = run_position(micros(features["open_time"]), step_of(timeframe), usable)
    return np.flatnonzero(position >= bars - 1).astype(np.int64)


def index(
    features: pl.DataFrame, labels: pl.DataFrame, spec: SequenceSpec, names: Sequence[str]
) -> pl.DataFrame:
    """Valid window ends with their labels, one row per window, in time order.

    Columns: open_time of the last bar, row (int64, into the matrix of `features`), label, y, sigma,
    known_from, known_until, uniqueness (over the windows of this index; timing_split.folded makes it that of their
    fold). A window without a label or σ is
    left out. The horizon is the one `labels` was made with.
    """
    ends = pl.Series("row", window_ends(features, spec.timeframe, spec.bars, names), dtype=pl.Int64)
    found = (
        features.select("open_time")
        .with_row_index("row")
        .cast({"row": pl.Int64})
        .filter(pl.col("row").is_in(ends.implode()))
        .join(labels, on="open_time", how="inner", maintain_order="left")
        .filter(pl.col("label").is_not_null() & pl.col("sigma").is_not_null())
    )
    own = uniqueness(micros(found["open_time"]), step_of(spec.timeframe), horizon_of(labels, spec.timeframe))
    return found.with_columns(pl.Series("uniqueness", own, dtype=pl.Float64)).select(COLUMNS)


def horizon_of(labels: pl.DataFrame, timeframe: str) -> int:
    """The horizon in bars of a label table, from its information interval of h + 1 bars."""
    if labels.is_empty():
        return 1
    span = labels["known_until"][0] - labels["known_from"][0]
    return int(span.total_seconds() * 1_000_000) // step_of(timeframe) - 1
