"""The one bar table as an asset, judged before it is written. What makes a bar: pipelines/market/assembly.py."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from assets.automation import when_inputs_change
from assets.describe import OWNERS, written
from assets.partitions import Partitions, dimensions
from assets.tables import KINDS, optional
from pipelines.errors import BadData
from pipelines.market.assembly import assemble
from pipelines.market.bars import Quality, quality
from pipelines.market.schemas import CANDLES, MINUTE_BARS
from pipelines.market.symbols import Market
from pipelines.settings import Settings
from resources.lake import Lake

GROUP = "market"


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The bar asset of these partitions."""
    return [_bars(p)]


def _bars(p: Partitions) -> dg.AssetsDefinition:
    consistent = dg.AssetCheckSpec(
        "is_consistent",
        asset="bars",
        blocking=True,
        partitions_def=p.bars,
        description="Sorted, unique, finite, low <= open, close <= high, volume >= 0.",
    )

    @dg.asset(
        partitions_def=p.bars,
        deps=[
            dg.AssetDep("minute_bars", partition_mapping=p.market_days_to_bars()),
            dg.AssetDep("candles", partition_mapping=p.shorter_or_same_timeframe()),
        ],
        check_specs=[consistent],
        automation_condition=when_inputs_change("minute_bars", "candles"),
        group_name=GROUP,
        owners=OWNERS,
        kinds=KINDS,
        description="The one bar table: ticks of the primary market where they exist, else candles; unknown is no row.",
    )
    def bars(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
        keys = dimensions(context.partition_key)
        frame = bars_of(lake, settings.universe.primary(keys["symbol"]), keys["symbol"], keys["timeframe"])
        found = quality(frame, keys["timeframe"])
        if not found.sound:
            yield _consistency(found)  # the red check is kept, though no materialization follows it
            raise BadData(
                f"bars {context.partition_key} are not consistent: expected no fault, found {_said(found.faults)} "
                f"in {found.rows} rows; nothing was written, repair the candles or ticks they are made of."
            )
        yield written(
            lake.replace_months("bars", frame, keys), (), [_consistency(found)], origins=_origins(frame)
        )

    return bars


def bars_of(lake: Lake, primary: Market, symbol: str, timeframe: str) -> pl.DataFrame:
    """BARS of one symbol and timeframe from the stored ticks and candles."""
    return assemble(
        optional(lake, "minute_bars", {"market": str(primary)}, MINUTE_BARS),
        optional(lake, "candles", {"symbol": symbol, "timeframe": "1m"}, CANDLES),
        optional(lake, "candles", {"symbol": symbol, "timeframe": timeframe}, CANDLES),
        timeframe,
    )


def _said(faults: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in faults.items())


def _consistency(found: Quality) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(check_name="is_consistent", passed=found.sound, metadata=found.as_dict())


def _origins(frame: pl.DataFrame) -> dg.MetadataValue:
    counts = frame.group_by("origin").len().sort("origin")
    return dg.MetadataValue.json(dict(counts.iter_rows()))
