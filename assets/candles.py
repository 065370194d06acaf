"""What a venue publishes by the symbol, as assets: candles and funding. Parsing: pipelines/market."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
import polars as pl

from assets.describe import OWNERS, written
from assets.partitions import Partitions, dimensions
from assets.tables import KINDS, add_quarantine, keep_quarantine, optional
from pipelines.errors import MissingData, VenueError
from pipelines.market.aliases import delisting
from pipelines.market.bitemporal import merge, not_before
from pipelines.market.coverage import expected_opens, missing_spans, still_down
from pipelines.market.native.funding_notes import funding_notes
from pipelines.market.schemas import EVIDENCE, FIRST_SEEN, REVISIONS
from pipelines.market.symbols import Market
from pipelines.market.timeframes import length_of
from pipelines.settings import Settings
from resources.lake import Lake, Receipt
from resources.sources import Delivery, Incremental, Source

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
        ended = settings.universe.of(keys["symbol"]).delisted
        told = () if ended is None else (delisting(keys["symbol"], ended),)
        return written(
            kept.receipt,
            (*told, *kept.notes, *second),
            added=kept.added,
            revised=kept.revised,
            quarantined=kept.quarantined,
        )

    return candles


@dataclass(frozen=True)
class Kept:
    """What became of one delivery."""

    receipt: Receipt
    notes: tuple[str, ...]
    added: int
    revised: int
    quarantined: int


def ingest(source: Source, lake: Lake, settings: Settings, symbol: str, timeframe: str) -> Kept:
    """Bring `candles` of a symbol up to date: the whole span of local data, only what is missing of a venue's."""
    start, end = settings.universe.expected_span(symbol)
    if isinstance(source, Incremental):
        market = source.candle_market(symbol, timeframe) or settings.universe.primary(symbol)
        return _refresh(source, lake, settings, market, timeframe, "candles")
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
    try:
        if isinstance(source, Incremental):
            kept = _refresh(source, lake, settings, market, timeframe, "second_candles")
        else:
            delivery = source.second_candles(symbol, timeframe, *settings.universe.expected_span(symbol))
            if delivery is None:
                return (f"second market {market} has no {timeframe} candles in the source",)
            kept = _replace(lake, delivery, market, timeframe, "second_candles")
    except (VenueError, MissingData) as error:
        return (f"second market {market} was not read: {error}",)
    return tuple(f"second market {market}: {note}" for note in kept.notes)


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


def _refresh(
    source: Incremental, lake: Lake, settings: Settings, market: Market, timeframe: str, table: str
) -> Kept:
    """A venue: ask for what is missing and the newest bars again, merge, and keep first seen, revised and said.

    `candles` is written last: a kill before it leaves pages in the spool, and the next run merges the same again.
    """
    keys = {"symbol": market.symbol, "timeframe": timeframe}
    stored = optional(lake, table, keys, FIRST_SEEN)
    revisions = optional(lake, f"{table[:-1]}_revisions", keys, REVISIONS)
    said = optional(lake, f"{table[:-1]}_evidence", keys, EVIDENCE)
    spans = to_ask(settings, market.symbol, timeframe, stored, said, source.recheck_bars)
    delivery = source.candles_in(market, timeframe, spans, held=not stored.is_empty())
    known = pl.concat([stored.select(list(REVISIONS)), revisions])
    merged = merge(stored, revisions, not_before(known, delivery.frame))
    opens = stored["open_time"], merged.first_seen["open_time"]
    arrived = still_down(delivery.evidence, said, *opens, timeframe)
    evidence = (
        pl.concat([said, not_before(said, arrived, by=None)])
        .unique(maintain_order=True)
        .sort("time", "end", "seen_at")
    )
    if not evidence.is_empty():
        lake.replace(f"{table[:-1]}_evidence", evidence, keys)
    if not merged.revisions.is_empty():
        lake.replace_months(f"{table[:-1]}_revisions", merged.revisions, keys)
    refused = add_quarantine(lake, table, f"{market.symbol}.{timeframe}", delivery.quarantine)
    receipt = lake.replace_months(table, merged.first_seen, keys)
    source.committed(market, timeframe)
    return Kept(receipt, delivery.notes, merged.added, merged.revised, refused)


def to_ask(
    settings: Settings,
    symbol: str,
    timeframe: str,
    stored: pl.DataFrame,
    evidence: pl.DataFrame,
    recheck_bars: int,
) -> list[tuple[datetime, datetime]]:
    """The spans of a symbol's candles that must be asked for: missing ones, and the newest stored bars again.

    While no candle is stored everything is asked for, whatever evidence is: it may be of a run that was killed before
    its candles were written, whose pages answer the same questions again.
    """
    evidence = evidence.clear() if stored.is_empty() else evidence
    span = settings.universe.expected_span(symbol)
    expected = expected_opens(span, timeframe, settings.universe.of(symbol).calendar)
    spans = missing_spans(span, stored, evidence, timeframe, expected)
    newest = stored["open_time"].max()
    if not recheck_bars or not isinstance(newest, datetime):
        return spans
    length = length_of(timeframe)
    return merged_spans([*spans, (newest - (recheck_bars - 1) * length, newest + length)])


def merged_spans(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The same time as disjoint spans, ascending; those that touch become one."""
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] <= timedelta():
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


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
        return written(lake.replace("funding", frame, {"symbol": symbol}), funding_notes(frame))

    return funding
