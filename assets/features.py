"""Features as an asset: all sets of bars, and the optional funding and cohort groups, judged before they are written.

Only months that are not stored as they would be made now are made (increments.py).

Formulas: pipelines/features.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import dagster as dg
import polars as pl

from assets import causality
from assets.automation import when_inputs_are_judged
from assets.cohort_group import flow_of
from assets.data_quality import require_judged
from assets.describe import OWNERS, written
from assets.increments import Stale, remember, stale
from assets.partitions import Partitions, dimensions
from assets.tables import KINDS, optional
from pipelines.errors import BadData
from pipelines.features import best_set, catalogue, feature_set
from pipelines.features.continued import continued, reach
from pipelines.features.reporting.catalogue_table import catalogue_markdown
from pipelines.features.sets import features_named
from pipelines.market.calendars import ALWAYS, DAY, Calendar
from pipelines.market.schemas import BARS, FUNDING
from pipelines.market.timeframes import length_of
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
        description="The 53 features of v5 (33 of them v4), the 12 of meta12 and those of intraday12 in raw units; "
        "funding and cohorts where they are recorded.",
    )
    def features(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
        keys = dimensions(context.partition_key)
        require_judged(lake, keys)
        made = made_now(lake, settings, keys)
        bad = not_finite(made.frame)
        verdict = dg.AssetCheckResult(
            check_name="is_finite",
            passed=not bad and not made.frame.is_empty(),
            metadata={"not_finite": bad, "rows": made.frame.height},
        )
        if not verdict.passed:
            yield verdict  # the red check is kept, though no materialization follows it
            raise BadData(
                f"features {context.partition_key} are not finite: expected rows without NaN and infinity, found "
                f"{_said(bad)} in {made.frame.height} rows; nothing was written, repair the bars they are made of."
            )
        causal = causality.causal(
            made.bars, keys["timeframe"], made.names, funding=made.funding, flow=made.flow
        )
        if not causal.passed:
            yield from (verdict, causal)
            raise causality.refusal(context.partition_key, causal)
        receipt = lake.replace_months("features", made.frame, keys, since=made.stale.since)
        remember(lake, keys, made.stale.inputs)
        yield written(
            receipt,
            checks=[verdict, causal],
            set=best_set(made.frame).name,
            made_since=made.stale.since.isoformat(),
            rows_made=made.frame.height,
            nulls=_nulls(made.frame),
            cohorts=made.cohorts,
        )

    return [features]


@dataclass(frozen=True)
class Made:
    """Features of the months that were stale, and what they were made of."""

    frame: pl.DataFrame
    names: tuple[str, ...]
    bars: pl.DataFrame  # theirs, and those before them within reach
    funding: pl.DataFrame
    flow: pl.DataFrame | None
    cohorts: str  # on how many days there are any, or why not
    stale: Stale


def made_now(lake: Lake, settings: Settings, keys: Mapping[str, str]) -> Made:
    """The features of a symbol and timeframe from the first month on that is not stored as it would be made now."""
    symbol, timeframe = keys["symbol"], keys["timeframe"]
    funding = optional(lake, "funding", {"symbol": symbol}, FUNDING)
    flow, cohorts = flow_of(lake, settings, keys)
    names = wanted(timeframe, funding, flow)
    found = stale(lake, keys, names, {"funding": (funding, "time"), "flow": (flow, "open_time")})
    back = max(reach(names, timeframe), causality.NEWEST * length_of(timeframe))
    bars = optional(
        lake, "bars", dict(keys), BARS, found.since - back
    )  # those of an older table lack columns
    past, new = (
        bars.filter(pl.col("open_time") < found.since),
        bars.filter(pl.col("open_time") >= found.since),
    )
    sessions = sessions_of(settings, symbol, bars)
    frame = continued(past, new, timeframe, names, funding=funding, flow=flow, sessions=sessions)
    return Made(frame, names, bars, funding, flow, cohorts, found)


def sessions_of(settings: Settings, symbol: str, bars: pl.DataFrame) -> pl.DataFrame | None:
    """SESSIONS that hold the bars of a symbol whose market closes; None where it never does."""
    calendar = settings.universe.of(symbol).calendar
    if calendar == ALWAYS or bars.is_empty():
        return None
    first, last = bars["open_time"][0], bars["open_time"][-1]
    return Calendar(calendar).sessions(first, last + DAY)


def wanted(timeframe: str, funding: pl.DataFrame, flow: pl.DataFrame | None = None) -> tuple[str, ...]:
    """v5, meta12 and intraday12, and the groups whose source is recorded: without one a group is absent, never zero.

    market_breadth is made by whoever has the bars of the whole market: stored here, a symbol's features would change
    with the bars of every other one.
    """
    sets = ["v5", "meta12", "intraday12"]
    sets += ["meta17_funding"] if not funding.is_empty() else []
    sets += ["meta17_cohorts"] if flow is not None else []
    names = dict.fromkeys(name for each in sets for name in feature_set(each, timeframe).names)
    return tuple(one.name for one in features_named(list(names)) if one.source != "breadth")


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
