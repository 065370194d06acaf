"""Settled funding of a symbol as an asset; a venue is asked only for what is not stored. Parsing: pipelines/market."""

from datetime import datetime, timedelta

import dagster as dg
import polars as pl

from assets.describe import OWNERS, written
from assets.partitions import Partitions
from assets.tables import KINDS, optional
from pipelines.errors import MissingData
from pipelines.market.native.funding_notes import funding_notes
from pipelines.market.schemas import FUNDING
from pipelines.settings import Settings
from resources.lake import Lake
from resources.sources import Incremental, Source

GROUP = "market"
OVERLAP = timedelta(days=2)
"""Asked again before what is new: the period of a payment is told by its neighbours."""


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The funding asset of these partitions."""

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
        frame = refreshed(source, lake, symbol, *settings.universe.span)
        return written(lake.replace("funding", frame, {"symbol": symbol}), funding_notes(frame))

    return [funding]


def refreshed(source: Source, lake: Lake, symbol: str, start: datetime, end: datetime) -> pl.DataFrame:
    """FUNDING of [start, end): all of a local source; of a venue what is stored and what came before or after it.

    A stored payment stays as it is. Raises MissingData when the source has no funding of the symbol.
    """
    stored = optional(lake, "funding", {"symbol": symbol}, FUNDING)
    if not isinstance(source, Incremental) or stored.is_empty():
        return _asked(source, symbol, start, end)
    first, last = stored["time"][0], stored["time"][-1]
    new = [_asked(source, symbol, max(start, last - OVERLAP), end).filter(pl.col("time") > last)]
    if start < first - OVERLAP:
        new.insert(0, _asked(source, symbol, start, first + OVERLAP).filter(pl.col("time") < first))
    return pl.concat([stored, *new]).sort("time")


def _asked(source: Source, symbol: str, start: datetime, end: datetime) -> pl.DataFrame:
    frame = source.funding(symbol, start, end)
    if frame is None:
        raise MissingData(
            f"{symbol}: the source has no funding; features go without it, nothing else is needed."
        )
    return frame.select(list(FUNDING))
