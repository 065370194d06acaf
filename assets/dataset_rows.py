"""The rows of a sequence dataset, made and checked by one rule: what training may know, windows, labels and folds.

`sequences` stores them; training makes them again from what the dataset names, and refuses where the two differ.
Matrices are not built here, and nothing is fitted.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from assets.pinned import Pinned
from pipelines.errors import BadData, NotEnoughEvidence
from pipelines.features import best_set
from pipelines.market.timeframes import length_of
from pipelines.models.recipes import recipe
from pipelines.models.timing_split import Folded, folded
from pipelines.sequences.index import index
from pipelines.sequences.labels import labels
from pipelines.sequences.manifest import describe, require_same
from pipelines.sequences.matrix import content_hash
from pipelines.sequences.specs import SequenceSpec
from pipelines.settings import Settings
from resources.datasets import Dataset

COMPARED = ("open_time", "row", "label", "fold")
"""What decides on training, exactly; the floats behind a label may differ by rounding between machines."""


def cutoff(features: pl.DataFrame, timeframe: str, settings: Settings) -> datetime:
    """End of what training may know of this symbol: the hold-out before its own last bar.

    Histories end at different times, so one moment for all would train on the hold-out of those that end early.
    """
    last: datetime = features["open_time"][-1]
    return last + length_of(timeframe) - timedelta(days=settings.training.holdout_days)


def rows_of(symbol: str, tables: Pinned, window: SequenceSpec, settings: Settings) -> Folded:
    """Every window with a label, its fold when the symbol is trained by itself, and the independent labels.

    Raises NotEnoughEvidence without a window, and with both counts below what a recipe needs.
    """
    features, config = tables.features, settings.training.timing
    outcome = labels(tables.bars, window.timeframe, window.horizon, recipe("timing").label_rule)
    found = index(features, outcome, window, best_set(features).names)
    if found.is_empty():
        raise NotEnoughEvidence(
            f"not enough evidence: {symbol}|{window.name} has {features.height} bars and no window of "
            f"{window.bars} complete bars with a label {window.horizon} bars ahead, expected at least one; "
            "bring more history or a shorter window."
        )
    what = f"{symbol}|{window.name} at a horizon of {window.horizon} bars"
    until = cutoff(features, window.timeframe, settings)
    return folded(found, window, until, (config.train_share, config.validation_share), what)


def require_as_stated(
    symbol: str,
    dataset: Dataset,
    stored: pl.DataFrame,
    tables: Pinned,
    window: SequenceSpec,
    settings: Settings,
) -> None:
    """Refuse a dataset that is not what its manifest says, or not what these settings would make of its tables.

    `stored`: its rows of the `sequences` table. Reads the whole matrix once. Raises BadData with both values.
    """
    what, chosen = f"{window.name} dataset of {symbol}", best_set(tables.features)
    if missing := [name for name in COMPARED if name not in stored.columns]:
        raise BadData(
            f"{what} must hold {missing[0]!r}, found no such column; materialize `sequences` again."
        )
    read = describe(
        {symbol: stored}, {symbol: tables.features.height}, replace(window, profile=dataset.manifest.profile),
        window.horizon, chosen, {symbol: content_hash(dataset.matrix)},
    )  # fmt: skip
    require_same(dataset.manifest, read, what)
    again = rows_of(symbol, tables, window, settings).rows
    if stored.height != again.height:
        raise BadData(
            f"{what} must have {again.height} windows, found {stored.height}; materialize `sequences` again."
        )
    for name in COMPARED:
        differs = stored[name].ne_missing(again[name]).arg_true()
        if differs.len():
            at = differs[0]
            raise BadData(
                f"{what} must have {name} {again[name][at]} at {again['open_time'][at]:%Y-%m-%d %H:%M}, found "
                f"{stored[name][at]} ({differs.len()} of {again.height} windows differ); the settings or the rows were "
                "changed: materialize `sequences` again."
            )
