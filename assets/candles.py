"""The exchange's own candles as an asset: first seen, with revisions and evidence. Parsing: pipelines/market."""

import dagster as dg
import polars as pl

from assets.describe import OWNERS, written
from assets.partitions import Partitions, dimensions
from assets.refreshing import Kept, refresh
from assets.repairing import forget_former, repair
from assets.tables import KINDS, keep_quarantine
from pipelines.errors import MissingData, VenueError
from pipelines.market.aliases import delisting
from pipelines.market.schemas import FIRST_SEEN
from pipelines.market.symbols import Market
from pipelines.settings import Settings
from resources.lake import Lake
from resources.sources import Delivery, Incremental, Source

GROUP = "market"


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The candle asset of these partitions."""
    return [_candles(p)]


def _candles(p: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        partitions_def=p.bars,
        group_name=GROUP,
        owners=OWNERS,
        kinds=KINDS,
        description="The exchange's own closed candles as first seen, revisions beside them; only what is missing is "
        "asked for.",
    )
    def candles(
        context: dg.AssetExecutionContext,
        source: dg.ResourceParam[Source],
        lake: dg.ResourceParam[Lake],
        settings: dg.ResourceParam[Settings],
    ) -> dg.MaterializeResult:
        keys = dimensions(context.partition_key)
        kept = ingest(source, lake, settings, keys["symbol"], keys["timeframe"])
        second = ingest_second(source, lake, settings, keys["symbol"], keys["timeframe"])
        repaired = repair(lake, settings, keys["symbol"], keys["timeframe"])
        ended = settings.universe.of(keys["symbol"]).delisted
        told = () if ended is None else (delisting(keys["symbol"], ended),)
        return written(
            lake.fingerprint("candles", keys) if repaired else kept.receipt,
            (*told, *kept.notes, *second, *repaired),
            added=kept.added,
            revised=kept.revised,
            quarantined=kept.quarantined,
        )

    return candles


def ingest(source: Source, lake: Lake, settings: Settings, symbol: str, timeframe: str) -> Kept:
    """Bring `candles` of a symbol up to date: the whole span of local data, only what is missing of a venue's."""
    start, end = settings.universe.expected_span(symbol)
    if isinstance(source, Incremental):
        market = source.candle_market(symbol, timeframe) or settings.universe.primary(symbol)
        return refresh(source, lake, settings, market, timeframe, "candles")
    delivery = source.candles(symbol, timeframe, start, end)
    market = source.candle_market(symbol, timeframe) or settings.universe.primary(symbol)
    return _replace(lake, delivery, market, timeframe, "candles")


def ingest_second(
    source: Source, lake: Lake, settings: Settings, symbol: str, timeframe: str
) -> tuple[str, ...]:
    """Bring `second_candles` up to date; a second market that fails is a note, since it only repairs and compares."""
    market = settings.universe.second(symbol)
    if market is None:
        return ()
    former = forget_former(lake, market, timeframe)
    try:
        if isinstance(source, Incremental):
            kept = refresh(source, lake, settings, market, timeframe, "second_candles")
        else:
            delivery = source.second_candles(symbol, timeframe, *settings.universe.expected_span(symbol))
            if delivery is None:
                return (f"second market {market} has no {timeframe} candles in the source",)
            kept = _replace(lake, delivery, market, timeframe, "second_candles")
    except (VenueError, MissingData) as error:
        return (*former, f"second market {market} was not read: {error}")
    return (*former, *(f"second market {market}: {note}" for note in kept.notes))


def _replace(lake: Lake, delivery: Delivery, market: Market, timeframe: str, table: str) -> Kept:
    """Local data: the file is the record, so the table becomes what the files say."""
    keys = {"symbol": market.symbol, "timeframe": timeframe}
    frame = delivery.frame.with_columns(
        pl.lit(None, FIRST_SEEN["seen_at"]).alias("seen_at"),
        pl.lit("candle").alias("origin"),
        pl.lit(str(market)).alias("market"),
    ).select(list(FIRST_SEEN))
    receipt = lake.replace_months(table, frame, keys)
    refused = keep_quarantine(lake, table, {f"{market.symbol}.{timeframe}": delivery.quarantine})
    return Kept(receipt, delivery.notes, receipt.rows, 0, refused)
