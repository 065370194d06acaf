"""What the features of one symbol and timeframe are worth, as an asset: a table, a page, pictures in the UI.

Numbers and text: pipelines/features/reporting. It blocks nothing, and nothing is made of it.
"""

from typing import Any

import dagster as dg
import polars as pl

from assets.automation import when_inputs_are_judged
from assets.dataset_rows import cutoff
from assets.describe import OWNERS, written
from assets.partitions import Partitions, dimensions
from assets.pinned import Pinned, pinned
from assets.tables import KINDS
from pipelines.evaluation.report_style import STYLE
from pipelines.features.reporting import pictures
from pipelines.features.reporting.drift import MUCH
from pipelines.features.reporting.measured import Labelled, measure
from pipelines.features.reporting.page import page, table_markdown
from pipelines.features.reporting.words import sentences
from pipelines.models.recipes import horizon_of, recipe
from pipelines.sequences.labels import labels
from pipelines.settings import Settings
from resources.clock import Clock
from resources.lake import Lake
from resources.registry import durable
from resources.reports import Reports

RECIPE = "boosted_trees"  # whose label importance is told of: the model that reads one bar


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The feature report of these partitions."""

    @dg.asset(
        partitions_def=p.bars,
        deps=["features", "bars"],
        automation_condition=when_features_change(),
        group_name="features",
        owners=OWNERS,
        kinds=KINDS,
        description="Nulls, drift by month, correlation and importance of the features, as a page, plots and a table.",
    )
    def feature_report(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
        reports: dg.ResourceParam[Reports],
    ) -> dg.MaterializeResult:
        keys = dimensions(context.partition_key)
        tables = pinned(lake, keys, settings.universe.of(keys["symbol"]).calendar)
        found = measure(tables.features, labelled(tables, keys["timeframe"], settings), keys["timeframe"])
        path = reports.folder / "features" / f"{keys['symbol']}_{keys['timeframe']}.html"
        title = f"Features of {keys['symbol']} {keys['timeframe']}"
        text = page(found, title, STYLE, f"{clock.now():%Y-%m-%d %H:%M} UTC")
        durable.make_folder(path.parent)
        durable.replace(path, text.encode())
        table = found.table
        return written(
            lake.replace("feature_report", table, keys),
            notes=sentences(found),
            report=dg.MetadataValue.path(str(path.resolve())),
            features=dg.MetadataValue.md(table_markdown(found)),
            # plain numbers: the UI plots them over time
            null_share=float(table.select(pl.col("nulls").mean()).item()),
            moved_much=table.filter(pl.col("psi") > MUCH).height,
            above_the_floor=table.filter(pl.col("bits") > pl.col("floor")).height,
            importance=dg.MetadataValue.md(pictures.importance(table)),
            drift=dg.MetadataValue.md(pictures.drift(found.drift, found.names)),
            correlation=dg.MetadataValue.md(pictures.correlation(found.correlation, found.names)),
            features_sha256=tables.receipts[0].sha256,
        )

    return [feature_report]


def when_features_change() -> dg.AutomationCondition:
    """As the features of the partition change; new bars alone are no reason, since their features come first."""
    condition: Any = when_inputs_are_judged(
        "features"
    )  # Dagster declares `ignore` on a class it does not export
    ours: dg.AutomationCondition = condition.ignore(dg.AssetSelection.assets("bars"))
    return ours


def labelled(tables: Pinned, timeframe: str, settings: Settings) -> Labelled:
    """The labels of the recipe that were known before the hold-out began: who reads a report chooses by it."""
    horizon = horizon_of(RECIPE, timeframe)
    found = labels(tables.bars, timeframe, horizon, recipe(RECIPE).label_rule)
    until = cutoff(tables.features, timeframe, settings)
    known = found.filter(pl.col("label").is_not_null() & (pl.col("known_until") <= until))
    return Labelled(known.select("open_time", "label"), horizon)
