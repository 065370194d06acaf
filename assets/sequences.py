"""Sequence datasets as an asset: an index into the features table, and the memory-mapped matrix it points into."""

import dagster as dg

from assets.automation import when_inputs_change
from assets.data_quality import require_trainable
from assets.describe import OWNERS, written
from assets.partitions import Partitions, dimensions
from assets.pinned import pinned
from pipelines.errors import NotEnoughEvidence
from pipelines.features import best_set
from pipelines.sequences.index import index
from pipelines.sequences.labels import labels
from pipelines.sequences.manifest import describe
from pipelines.sequences.matrix import content_hash, matrix
from pipelines.sequences.specs import SequenceSpec, spec
from pipelines.settings import Settings
from resources.datasets import Datasets
from resources.lake import Lake

KINDS = {"numpy", "deltalake"}
SINGLE = {"sequences_lstm60": "lstm60", "sequences_transformer100": "transformer100"}
"""Assets of one window each, by symbol: what the per-coin LSTM and the multi-coin transformer are trained on."""
STORED_AS = "Valid window ends with labels, information intervals and uniqueness; no window is stored."


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
        return made(lake, datasets, settings, keys["symbol"], spec(keys["window"]))

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
        return made(lake, datasets, settings, context.partition_key, chosen)

    return single


def made(
    lake: Lake, datasets: Datasets, settings: Settings, symbol: str, window: SequenceSpec
) -> dg.MaterializeResult:
    """Index, matrix and manifest of one symbol and window, stored and described."""
    keys = {"symbol": symbol, "window": window.name}
    require_trainable(lake, settings, symbol, window.timeframe)
    tables = pinned(lake, {"symbol": symbol, "timeframe": window.timeframe})
    features, bars = tables.features, tables.bars
    chosen = best_set(features)
    found = index(features, labels(bars, window.timeframe, window.horizon), window, chosen.names)
    if found.is_empty():
        raise NotEnoughEvidence(
            f"not enough evidence: {symbol}|{window.name} has {features.height} bars and no window of "
            f"{window.bars} complete bars with a label {window.horizon} bars ahead, expected at least one; "
            "bring more history or a shorter window."
        )
    values = matrix(features, chosen.names)
    manifest = describe(
        {symbol: found}, {symbol: features.height}, window, window.horizon, chosen,
        {symbol: content_hash(values)},
    )  # fmt: skip
    datasets.save(symbol, manifest, values, *tables.receipts)
    return written(
        lake.replace("sequences", found, keys),
        windows=manifest.windows,
        shape=str(manifest.shape),
        matrix_bytes=manifest.matrix_bytes,
        expanded_bytes=manifest.expanded_bytes,
        class_shares=dg.MetadataValue.json(manifest.class_shares),
        features=chosen.name,
        independent_labels=found.height // (window.horizon + 1),
    )
