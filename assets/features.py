"""Features as an asset: all sets of bars, and the optional funding and cohort groups, judged before they are written.

Only months that are not stored as they would be made now are made (increments.py).

Formulas: pipelines/features.
"""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from assets import causality
from assets.automation import when_inputs_are_judged
from assets.beside import Beside
from assets.describe import OWNERS, written
from assets.feature_months import Made, made_now
from assets.increments import remember
from assets.judged import require_judged
from assets.partitions import Partitions, dimensions
from assets.tables import KINDS
from pipelines.errors import BadData
from pipelines.features import best_set, catalogue
from pipelines.features.reporting.catalogue_table import catalogue_markdown
from pipelines.settings import Settings
from resources.lake import Lake
from resources.lake.locking import exclusive


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The feature assets of these partitions."""
    complete = dg.AssetCheckSpec(
        "is_finite",
        asset="features",
        blocking=True,
        partitions_def=p.bars,
        description="At least one row, no NaN and no infinity anywhere.",
    )

    @dg.asset(
        partitions_def=p.bars,
        deps=[
            "bars",
            dg.AssetDep("data_quality", partition_mapping=p.read_by_features()),
            dg.AssetDep("breadth", partition_mapping=p.timeframes_to_bars()),
            dg.AssetDep("funding", partition_mapping=p.symbols_to_bars()),
            dg.AssetDep("wallet_fills", partition_mapping=p.symbols_to_bars()),
            dg.AssetDep("candles", partition_mapping=p.five_minutes_to_longer()),
        ],
        check_specs=[complete, causality.spec(p)],
        automation_condition=when_inputs_are_judged("data_quality", followed=["bars"]),
        group_name="features",
        owners=OWNERS,
        kinds=KINDS,
        metadata={"catalogue": dg.MetadataValue.md(catalogue_markdown(catalogue()))},
        description="The 53 features of v5 (33 of them v4), the 12 of meta12 and those of intraday12 in raw units; "
        "funding and cohorts where they are recorded; hourly context and market breadth where they are asked for.",
    )
    def features(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
        keys = dimensions(context.partition_key)
        with exclusive(lake.root, f"features {context.partition_key}"):
            require_judged(lake, keys)
            made = made_now(lake, settings, keys)
            require_judged(lake, keys, made.stale.bars_version)  # those that were read
            checks, refused = judged(made, context.partition_key)
            if refused is not None:
                yield from checks  # a red check is kept, though no materialization follows it
                raise refused
            receipt = lake.replace_months("features", made.frame, keys, since=made.stale.since)
            remember(lake, keys, made.stale, receipt)
        yield written(
            receipt,
            checks=checks,
            set=best_set(made.frame).name,
            made_since=made.stale.since.isoformat(),
            rows_made=made.frame.height,
            nulls=_nulls(made.frame),
            cohorts=made.beside.cohorts,
            absent=_absent(made.beside),
        )

    return [features]


def judged(made: Made, partition: str) -> tuple[list[dg.AssetCheckResult], BadData | None]:
    """The verdicts on features that are not written yet, up to the first red one, and why it refuses."""
    bad = not_finite(made.frame)
    finite = dg.AssetCheckResult(
        check_name="is_finite",
        passed=not bad and not made.frame.is_empty(),
        metadata={"not_finite": bad, "rows": made.frame.height},
    )
    if not finite.passed:
        return [finite], BadData(
            f"features {partition} are not finite: expected rows without NaN and infinity, found {_said(bad)} in "
            f"{made.frame.height} rows; nothing was written, repair the bars they are made of."
        )
    timeframe = partition.rpartition("|")[2]
    causal = causality.causal(made.bars, timeframe, made.names, made.beside.timed, made.sessions)
    return [finite, causal], None if causal.passed else causality.refusal(partition, causal)


def not_finite(frame: pl.DataFrame) -> dict[str, int]:
    """How many values of each column are NaN or infinite; columns without any are left out."""
    return {
        name: int((~frame[name].is_finite()).sum())
        for name in frame.columns
        if frame[name].dtype == pl.Float64 and (~frame[name].is_finite()).any()
    }


def _said(bad: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in bad.items()) or "no value at all"


def _absent(found: Beside) -> dg.MetadataValue:
    """Why a source has no table; the cohorts have a line of their own."""
    return dg.MetadataValue.json({str(one): why for one, why in found.absent.items() if one != "cohorts"})


def _nulls(frame: pl.DataFrame) -> dg.MetadataValue:
    return dg.MetadataValue.json({name: frame[name].null_count() for name in frame.columns})
