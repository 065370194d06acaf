"""Sequence datasets as an asset: an index into the features table, and the memory-mapped matrix it points into.

The rule of its rows is dataset_rows.py. A dataset that leaves too few independent labels to train or to judge is
refused with both counts, and an older one of the same symbol and window is then not there any more.
"""

import dagster as dg
import polars as pl

from assets.automation import when_inputs_change
from assets.data_quality import require_trainable
from assets.dataset_rows import rows_of
from assets.describe import OWNERS, written
from assets.partitions import Partitions, dimensions
from assets.pinned import pinned
from pipelines.errors import NotEnoughEvidence
from pipelines.features import best_set, feature_set
from pipelines.market.calendars import ALWAYS
from pipelines.sequences.combinatorial import combinatorial, embargo_of
from pipelines.sequences.manifest import describe
from pipelines.sequences.matrix import content_hash, matrix
from pipelines.sequences.specs import SequenceSpec, spec
from pipelines.settings import Settings
from resources.datasets import Datasets
from resources.lake import Lake

KINDS = {"numpy", "deltalake"}
SINGLE = {"sequences_lstm60": "lstm60", "sequences_transformer100": "transformer100"}
"""Assets of one window each, by symbol: what the per-coin LSTM and the multi-coin transformer are trained on."""
GROUPS, TESTED = 6, 2
"""Of combinatorial splits: 15 splits in 5 paths (López de Prado 2018, ch. 12)."""
STORED_AS = "Valid window ends with labels, information intervals, uniqueness and fold; no window is stored."


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The sequence assets of these partitions; one whose bars the settings do not name is not there."""
    timeframes = p.bars.get_partitions_def_for_dimension("timeframe").get_partition_keys()
    return [
        _sequences(p),
        *(
            _single(p, name, window)
            for name, window in SINGLE.items()
            if spec(window).timeframe in timeframes
        ),
    ]


def _sequences(p: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        partitions_def=p.sequences,
        deps=[dg.AssetDep("features", partition_mapping=p.bars_to_windows())],
        automation_condition=when_inputs_change("features"),
        group_name="sequences",
        owners=OWNERS,
        kinds=KINDS,
        description=STORED_AS,
    )
    def sequences(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        datasets: dg.ResourceParam[Datasets],
        settings: dg.ResourceParam[Settings],
    ) -> dg.MaterializeResult:
        keys = dimensions(context.partition_key)
        return made(lake, datasets, settings, keys["symbol"], keys["window"])

    return sequences


def _single(p: Partitions, name: str, window: str) -> dg.AssetsDefinition:
    chosen = spec(window)

    @dg.asset(
        name=name,
        partitions_def=p.symbols,
        deps=[dg.AssetDep("features", partition_mapping=p.symbols_to_bars())],
        group_name="sequences",
        owners=OWNERS,
        kinds=KINDS,
        description=f"{STORED_AS} {chosen.bars} bars of {chosen.timeframe} for {chosen.purpose}.",
    )
    def single(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        datasets: dg.ResourceParam[Datasets],
        settings: dg.ResourceParam[Settings],
    ) -> dg.MaterializeResult:
        return made(lake, datasets, settings, context.partition_key, window)

    return single


def made(lake: Lake, datasets: Datasets, settings: Settings, symbol: str, name: str) -> dg.MaterializeResult:
    """Index, matrix and manifest of one symbol and window, stored and described.

    Raises NotEnoughEvidence with the independent labels in training and test; the refusal takes the dataset's place.
    """
    window = spec(name, settings.training.horizons)
    keys = {"symbol": symbol, "window": window.name}
    require_trainable(lake, settings, symbol, window.timeframe)
    calendar = settings.universe.of(symbol).calendar
    tables = pinned(lake, {"symbol": symbol, "timeframe": window.timeframe}, calendar)
    features = tables.features
    chosen = best_set(features)
    try:
        folded = rows_of(symbol, tables, window, settings)
    except NotEnoughEvidence as refusal:
        datasets.refuse(symbol, window.name, str(refusal))
        if lake.exists("sequences", keys):
            lake.replace("sequences", lake.read("sequences", keys).head(0), keys)
        raise
    found = folded.rows
    values = matrix(features, chosen.names)
    manifest = describe(
        {symbol: found}, {symbol: features.height}, window, window.horizon, chosen,
        {symbol: content_hash(values)},
    )  # fmt: skip
    datasets.save(symbol, manifest, values, found, *tables.receipts)
    return written(
        lake.replace("sequences", found, keys),
        windows=manifest.windows,
        shape=str(manifest.shape),
        matrix_bytes=manifest.matrix_bytes,
        expanded_bytes=manifest.expanded_bytes,
        class_shares=dg.MetadataValue.json(manifest.class_shares),
        features=chosen.name,
        horizon=window.horizon,
        horizons=window.profile,
        folds=dg.MetadataValue.json(manifest.folds),
        independent_labels=found.height // (window.horizon + 1),
        independent_training=folded.training,
        independent_test=folded.test,
        combinatorial=combinatorial_splits(found, window, chosen.name, calendar),
    )


def combinatorial_splits(rows: pl.DataFrame, window: SequenceSpec, features: str, calendar: str) -> str:
    """Whether windows of this feature set before the hold-out are enough for combinatorial splits, in words."""
    if calendar != ALWAYS:
        return (
            f"walk-forward only: {calendar} closes, and what a morning looks back on is older than an embargo"
        )
    lookback = feature_set(features, window.timeframe).lookback
    embargo = embargo_of(window.timeframe, lookback, window.bars, window.horizon)
    times = rows.filter(pl.col("fold") != "holdout")["open_time"]
    try:
        splits = list(combinatorial(times, window.timeframe, window.horizon, embargo, GROUPS, TESTED))
    except NotEnoughEvidence as refusal:
        return f"walk-forward only: {refusal}"
    return f"{len(splits)} splits of {GROUPS} groups, {TESTED} tested at a time, with an embargo of {embargo}"
