"""What a venue publishes by the symbol, as assets: candles and funding. Parsing: pipelines/market."""

import dagster as dg

from assets.describe import OWNERS, written
from assets.partitions import Partitions, dimensions
from assets.tables import KINDS, keep_quarantine
from pipelines.errors import MissingData
from pipelines.settings import Settings
from resources.lake import Lake
from resources.sources import Source

GROUP = "market"


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The candle and funding assets of these partitions."""
    return [_candles(p), _funding(p)]


def _candles(p: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        partitions_def=p.bars,
        group_name=GROUP,
        owners=OWNERS,
        kinds=KINDS,
        description="The exchange's own candles of a symbol and timeframe; only closed ones.",
    )
    def candles(
        context: dg.AssetExecutionContext,
        source: dg.ResourceParam[Source],
        lake: dg.ResourceParam[Lake],
        settings: dg.ResourceParam[Settings],
    ) -> dg.MaterializeResult:
        keys = dimensions(context.partition_key)
        delivery = source.candles(keys["symbol"], keys["timeframe"], *settings.universe.span)
        receipt = lake.replace_months("candles", delivery.frame, keys)
        keep_quarantine(lake, "candles", {f"{keys['symbol']}.{keys['timeframe']}": delivery.quarantine})
        return written(receipt, delivery.notes, quarantined=delivery.quarantine.height)

    return candles


def _funding(p: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        partitions_def=p.symbols,
        group_name=GROUP,
        owners=OWNERS,
        kinds=KINDS,
        description="Settled funding of a symbol: the rate is known from its recorded stamp on.",
    )
    def funding(
        context: dg.AssetExecutionContext,
        source: dg.ResourceParam[Source],
        lake: dg.ResourceParam[Lake],
        settings: dg.ResourceParam[Settings],
    ) -> dg.MaterializeResult:
        symbol = context.partition_key
        frame = source.funding(symbol, *settings.universe.span)
        if frame is None:
            raise MissingData(
                f"{symbol}: the source has no funding; features go without it, nothing else is needed."
            )
        return written(lake.replace("funding", frame, {"symbol": symbol}))

    return funding
