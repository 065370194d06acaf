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
from pipelines.sequences.specs import spec
from pipelines.settings import Settings
from resources.datasets import Datasets
from resources.lake import Lake


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The sequence assets of these partitions."""

    @dg.asset(
        partitions_def=p.sequences,
        deps=[dg.AssetDep("features", partition_mapping=p.bars_to_windows())],
        automation_condition=when_inputs_change("features"),
        group_name="sequences",
        owners=OWNERS,
        kinds={"numpy", "deltalake"},
        description="Valid window ends with labels, information intervals and uniqueness; no window is stored.",
    )
    def sequences(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        datasets: dg.ResourceParam[Datasets],
        settings: dg.ResourceParam[Settings],
    ) -> dg.MaterializeResult:
        keys = dimensions(context.partition_key)
        window = spec(keys["window"])
        require_trainable(lake, settings, keys["symbol"], window.timeframe)
        of_bars = {"symbol": keys["symbol"], "timeframe": window.timeframe}
        tables = pinned(lake, of_bars)
        features, bars = tables.features, tables.bars
        chosen = best_set(features)
        found = index(features, labels(bars, window.timeframe, window.horizon), window, chosen.names)
        if found.is_empty():
            raise NotEnoughEvidence(
                f"not enough evidence: {context.partition_key} has {features.height} bars and no window of "
                f"{window.bars} complete bars with a label {window.horizon} bars ahead, expected at least one; "
                "bring more history or a shorter window."
            )
        values = matrix(features, chosen.names)
        manifest = describe(
            {keys["symbol"]: found}, {keys["symbol"]: features.height}, window, window.horizon, chosen,
            {keys["symbol"]: content_hash(values)},
        )  # fmt: skip
        datasets.save(keys["symbol"], manifest, values, *tables.receipts)
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

    return [sequences]
