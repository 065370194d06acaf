"""Which bars a model is asked about: those that a paper session would forecast, with or without an outcome.

What may train is `pipelines.sequences.index`: the rows of these whose label is known.
"""

from collections.abc import Sequence

import polars as pl

from pipelines.sequences.index import window_ends
from pipelines.sequences.specs import SequenceSpec


def served(
    features: pl.DataFrame, labels: pl.DataFrame, spec: SequenceSpec, names: Sequence[str], rows: pl.DataFrame
) -> pl.DataFrame:
    """Every bar that ends a whole window and has a σ, up to the last of `rows`, in time order.

    `rows`: the index of the same features and labels. Columns: open_time, row (int64, into `features`),
    label, y (both null where the outcome is unknown: the next bar's open, or the exit, did not trade) and
    sigma. It ends with `rows`, so that a backtest on it knows no later bar than the labels did.
    """
    ends = window_ends(features, spec.timeframe, spec.bars, names)
    found = (
        features.select("open_time")
        .with_row_index("row")
        .cast({"row": pl.Int64})[ends]
        .join(labels, on="open_time", how="inner", maintain_order="left")
        .select("open_time", "row", "label", "y", "sigma")
        .filter(pl.col("sigma").is_not_null())
    )
    return found.filter(pl.col("open_time") <= rows["open_time"].max()) if rows.height else found.head(0)
