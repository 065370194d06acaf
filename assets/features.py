"""Features as an asset: the v5 set (v4 inside it) and the optional funding group. Formulas: pipelines/features."""

import dagster as dg
import polars as pl

from assets.automation import when_inputs_change
from assets.describe import OWNERS, written
from assets.partitions import Partitions, dimensions
from assets.tables import KINDS, optional
from pipelines.features import best_set, compute, feature_set
from pipelines.market.schemas import FUNDING
from resources.lake import Lake


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The feature assets of these partitions."""
    complete = dg.AssetCheckSpec(
        "is_finite",
        asset="features",
        blocking=True,
        partitions_def=p.bars,
        description="No NaN and no infinity anywhere; candle features are null only in a warm-up.",
    )

    @dg.asset(
        partitions_def=p.bars,
        deps=[
            dg.AssetDep("bars", partition_mapping=p.longer_or_same_timeframe()),
            dg.AssetDep("funding", partition_mapping=p.symbols_to_bars()),
        ],
        check_specs=[complete],
        automation_condition=when_inputs_change("bars"),
        group_name="features",
        owners=OWNERS,
        kinds=KINDS,
        description="The 53 features of v5 (33 of them v4) in raw units, and funding where it is recorded.",
    )
    def features(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.MaterializeResult:
        keys = dimensions(context.partition_key)
        bars = lake.read("bars", keys)
        funding = optional(lake, "funding", {"symbol": keys["symbol"]}, FUNDING)
        frame = compute(bars, keys["timeframe"], wanted(funding), funding=funding)
        return written(
            lake.replace_months("features", frame, keys),
            checks=[_finite(frame)],
            set=best_set(frame).name,
            nulls=_nulls(frame),
        )

    return [features]


def wanted(funding: pl.DataFrame) -> tuple[str, ...]:
    """v5, and the funding group where funding is recorded: without a source it is absent, never constant zero."""
    optional_group = () if funding.is_empty() else feature_set("meta17_funding").names
    return (*feature_set("v5").names, *optional_group)


def _finite(frame: pl.DataFrame) -> dg.AssetCheckResult:
    bad = {
        name: int((~frame[name].is_finite()).sum())
        for name in frame.columns
        if frame[name].dtype == pl.Float64 and (~frame[name].is_finite()).any()
    }
    return dg.AssetCheckResult(
        check_name="is_finite", passed=not bad and not frame.is_empty(), metadata={"not_finite": bad}
    )


def _nulls(frame: pl.DataFrame) -> dg.MetadataValue:
    return dg.MetadataValue.json({name: frame[name].null_count() for name in frame.columns})
