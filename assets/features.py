"""Features as an asset: v5 (v4 inside it) and the optional funding and cohort groups, judged before they are written.

Formulas: pipelines/features.
"""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from assets import causality
from assets.automation import when_inputs_are_judged
from assets.cohort_group import flow_of
from assets.data_quality import require_judged
from assets.describe import OWNERS, written
from assets.partitions import Partitions, dimensions
from assets.tables import KINDS, optional
from pipelines.errors import BadData
from pipelines.features import best_set, catalogue, compute, feature_set
from pipelines.features.reporting.catalogue_table import catalogue_markdown
from pipelines.market.schemas import BARS, FUNDING
from pipelines.settings import Settings
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
            "data_quality",
            dg.AssetDep("funding", partition_mapping=p.symbols_to_bars()),
            dg.AssetDep("wallet_fills", partition_mapping=p.symbols_to_bars()),
            dg.AssetDep("candles", partition_mapping=p.five_minutes_to_longer()),
        ],
        check_specs=[complete, causality.spec(p)],
        automation_condition=when_inputs_are_judged("data_quality"),
        group_name="features",
        owners=OWNERS,
        kinds=KINDS,
        metadata={"catalogue": dg.MetadataValue.md(catalogue_markdown(catalogue()))},
        description="The 53 features of v5 (33 of them v4) in raw units; funding and cohorts where they are "
        "recorded.",
    )
    def features(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
        keys = dimensions(context.partition_key)
        require_judged(lake, keys)
        bars = optional(lake, "bars", keys, BARS)  # those of an older table lack columns
        funding = optional(lake, "funding", {"symbol": keys["symbol"]}, FUNDING)
        flow, cohorts = flow_of(lake, settings, keys, bars)
        names = wanted(funding, flow)
        frame = compute(bars, keys["timeframe"], names, funding=funding, flow=flow)
        bad = not_finite(frame)
        verdict = dg.AssetCheckResult(
            check_name="is_finite", passed=not bad and not frame.is_empty(), metadata={"not_finite": bad}
        )
        if not verdict.passed:
            yield verdict  # the red check is kept, though no materialization follows it
            raise BadData(
                f"features {context.partition_key} are not finite: expected rows without NaN and infinity, found "
                f"{_said(bad)} in {frame.height} rows; nothing was written, repair the bars they are made of."
            )
        causal = causality.causal(bars, keys["timeframe"], names, funding=funding, flow=flow)
        if not causal.passed:
            yield from (verdict, causal)
            raise causality.refusal(context.partition_key, causal)
        yield written(
            lake.replace_months("features", frame, keys),
            checks=[verdict, causal],
            set=best_set(frame).name,
            nulls=_nulls(frame),
            cohorts=cohorts,
        )

    return [features]


def wanted(funding: pl.DataFrame, flow: pl.DataFrame | None = None) -> tuple[str, ...]:
    """v5, and the groups whose source is recorded: without one a group is absent, never constant zero."""
    of_funding = () if funding.is_empty() else feature_set("meta17_funding").names
    of_cohorts = () if flow is None else feature_set("meta17_cohorts").names
    return (*feature_set("v5").names, *of_funding, *of_cohorts)


def not_finite(frame: pl.DataFrame) -> dict[str, int]:
    """How many values of each column are NaN or infinite; columns without any are left out."""
    return {
        name: int((~frame[name].is_finite()).sum())
        for name in frame.columns
        if frame[name].dtype == pl.Float64 and (~frame[name].is_finite()).any()
    }


def _said(bad: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in bad.items()) or "no value at all"


def _nulls(frame: pl.DataFrame) -> dg.MetadataValue:
    return dg.MetadataValue.json({name: frame[name].null_count() for name in frame.columns})
