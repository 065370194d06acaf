"""Ticks as assets: trades, order_book, and the minute bars they make. Parsing and aggregation: pipelines/market.

A single run may carry a range of days (`BackfillPolicy.single_run`); days are written in blocks so that memory
does not grow with the range.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial

import dagster as dg
import polars as pl

from assets.automation import when_an_input_is_replaced
from assets.describe import OWNERS, receipt_metadata
from assets.partitions import Partitions, days_by_market
from assets.tables import KINDS, keep_quarantine, optional
from assets.tick_days import MADE_HERE, hearing_of, keep_evidence, keep_faults, midnight_of
from pipelines.errors import MissingData
from pipelines.market.minute_bars import heard_minutes
from pipelines.market.recorder_clock import CLOCK_SECONDS, trusts_local_time
from pipelines.market.schemas import ORDER_BOOK, TRADES
from pipelines.market.symbols import Market
from pipelines.settings import Settings
from resources.lake import Lake, Receipt
from resources.progress import Progress
from resources.sources import Delivery, Source

BLOCK_DAYS = 10
BLOCK_ROWS = 1_000_000
"""One commit holds the rows of its days in memory; a busy day of a large market is one by itself."""
CARRY_IN = timedelta(minutes=61)  # of the day before: the longest memory of a minute aggregate
GROUP = "market"
FIRST = {"dagster/priority": "1"}  # a bad trades file is reported before its books are read
SINGLE_RUN = dg.BackfillPolicy.single_run()


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The tick assets of these partitions."""
    return [*_ticks(p), _minute_bars(p)]


def _ticks(p: Partitions) -> list[dg.AssetsDefinition]:
    @dg.asset(
        partitions_def=p.market_days,
        backfill_policy=SINGLE_RUN,
        op_tags=FIRST,
        group_name=GROUP,
        owners=OWNERS,
        kinds=KINDS,
        description="Every trade of a market on a UTC day of exchange time, with the aggressor's side.",
    )
    def trades(
        context: dg.AssetExecutionContext,
        source: dg.ResourceParam[Source],
        lake: dg.ResourceParam[Lake],
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        asked = available(context.partition_keys, source.tick_days, "trades", "the source")
        return _ingest(asked, "trades", source.trades, lake, progress)

    @dg.asset(
        partitions_def=p.market_days,
        backfill_policy=SINGLE_RUN,
        group_name=GROUP,
        owners=OWNERS,
        kinds=KINDS,
        description="Order-book snapshots of ten levels of a market on a UTC day of exchange time.",
    )
    def order_book(
        context: dg.AssetExecutionContext,
        source: dg.ResourceParam[Source],
        lake: dg.ResourceParam[Lake],
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        asked = available(context.partition_keys, source.book_days, "order book", "the source")
        return _ingest(asked, "order_book", source.order_book, lake, progress)

    return [trades, order_book]


def _ingest(
    asked: Mapping[Market, Sequence[date]],
    table: str,
    fetch: Callable[[Market, date], Delivery],
    lake: Lake,
    progress: Progress,
) -> dg.MaterializeResult:
    """Fetch the asked days and write them, block by block, with their quarantine."""
    receipts: list[Receipt] = []
    notes: list[str] = []
    quarantined = 0
    for market, days in asked.items():
        for delivered in in_blocks(market, progress.track(days, f"{table} {market}"), fetch):
            receipts.append(
                lake.replace_many(
                    table, {day: d.frame for day, d in delivered.items()}, {"market": str(market)}
                )
            )
            for day, d in delivered.items():
                keep_evidence(lake, table, market, day, d.evidence)
                if table == "order_book":
                    keep_faults(lake, market, day, d)
            quarantined += keep_quarantine(
                lake, table, {f"{market}.{day}": d.quarantine for day, d in delivered.items()}
            )
            notes += [note for d in delivered.values() for note in d.notes]
    return _many(receipts, notes, quarantined=quarantined)


def in_blocks(
    market: Market, days: Iterable[date], fetch: Callable[[Market, date], Delivery]
) -> Iterator[dict[date, Delivery]]:
    """The days fetched, so many at a time that one commit has at most BLOCK_ROWS rows, or a single day."""
    held: dict[date, Delivery] = {}
    for day in days:
        found = fetch(market, day)
        rows = sum(d.frame.height for d in held.values())
        if held and (len(held) == BLOCK_DAYS or rows + found.frame.height > BLOCK_ROWS):
            yield held
            held = {}
        held[day] = found
    if held:
        yield held


def available(
    keys: Sequence[str], has: Callable[[Market], Sequence[date]], what: str, where: str
) -> dict[Market, list[date]]:
    """The asked days by market, all of which must be there: Dagster turns every asked day green.

    Raises MissingData that names the days `where` has not, before anything is fetched or written.
    """
    asked = days_by_market(keys)
    for market, days in asked.items():
        known = set(has(market))
        gone = [day for day in days if day not in known]
        if gone:
            found = f"{len(known)} days, {min(known)} to {max(known)}" if known else "no day at all"
            raise MissingData(
                f"{market}: no {what} on {len(gone)} of {len(days)} asked days, {min(gone)} to {max(gone)}: expected "
                f"every asked day, {where} has {found}; ask for days it has, or add the others first."
            )
    return asked


def blocks(days: Sequence[date]) -> list[Sequence[date]]:
    """The days in blocks of at most BLOCK_DAYS."""
    return [days[i : i + BLOCK_DAYS] for i in range(0, len(days), BLOCK_DAYS)]


def _many(receipts: Sequence[Receipt], notes: Sequence[str], **more: int) -> dg.MaterializeResult:
    metadata = receipt_metadata(receipts[-1], sorted(set(notes)))
    metadata["rows_in_run"] = dg.MetadataValue.int(sum(r.rows for r in receipts))
    return dg.MaterializeResult(metadata={**metadata, **more})


def _minute_bars(p: Partitions) -> dg.AssetsDefinition:
    today_and_yesterday = dg.MultiPartitionMapping(
        {
            "date": dg.DimensionPartitionMapping(
                "date",
                dg.TimeWindowPartitionMapping(start_offset=-1, allow_nonexistent_upstream_partitions=True),
            ),
            "market": dg.DimensionPartitionMapping("market", dg.IdentityPartitionMapping()),
        }
    )

    @dg.asset(
        name="minute_bars",
        partitions_def=p.market_days,
        backfill_policy=SINGLE_RUN,
        deps=[
            dg.AssetDep("trades", partition_mapping=today_and_yesterday),
            dg.AssetDep("order_book", partition_mapping=today_and_yesterday),
        ],
        automation_condition=when_an_input_is_replaced(),
        group_name=GROUP,
        owners=OWNERS,
        kinds=KINDS,
        description="One row per minute of a market: OHLCV and the aggregates that features 34 to 53 need.",
    )
    def minute_bars_asset(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        settings: dg.ResourceParam[Settings],
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        receipts, silent = [], 0
        asked = available(
            context.partition_keys, partial(_tick_days, lake), "stored trades and no order book", "the lake"
        )
        for market, days in asked.items():
            for block in progress.track(blocks(days), f"minute_bars {market}"):
                built = {
                    day: minutes_of_day(lake, market, day, settings.quality.clock_seconds) for day in block
                }
                receipts.append(
                    lake.replace_many(
                        "minute_bars",
                        {day: bars for day, (bars, _) in built.items()},
                        {"market": str(market)},
                    )
                )
                for day, (_, unknown) in built.items():
                    keep_evidence(lake, MADE_HERE, market, day, unknown)
                    silent += minutes_in(unknown)
        note = f"{silent:,} minutes in which only the order book was heard are no rows: see the coverage of the bars"
        return _many(receipts, [note] if silent else [])

    return minute_bars_asset


def _tick_days(lake: Lake, market: Market) -> list[date]:
    return sorted(set(lake.dates("trades", str(market))) | set(lake.dates("order_book", str(market))))


def minutes_of_day(
    lake: Lake, market: Market, day: date, clock_seconds: float = CLOCK_SECONDS
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """MINUTE_BARS of one stored day, read with the last 61 minutes of the day before, and EVIDENCE of its silences.

    clock_seconds : a recorder's clock further off than this is no judge of lateness
    """
    start = midnight_of(day)
    span = (start - CARRY_IN, start + timedelta(days=1))
    keys = {"market": str(market)}
    trades = optional(lake, "trades", keys, TRADES, *span).select(list(TRADES))
    book = optional(lake, "order_book", keys, ORDER_BOOK, *span)
    trusted = trusts_local_time(trades, book, most=clock_seconds)
    hearing = hearing_of(lake, market, day, trades)
    return heard_minutes(
        pl.concat([trades, _next(lake, keys, span[1])]), book, day, hearing, check_local_time=trusted
    )


def _next(lake: Lake, keys: dict[str, str], midnight: datetime) -> pl.DataFrame:
    """The first trade of the next day where it is stored: its id tells whether the day's last minutes were quiet."""
    stored = optional(lake, "trades", keys, TRADES, midnight, midnight + timedelta(hours=1))
    return stored.select(list(TRADES)).head(1)


def minutes_in(evidence: pl.DataFrame) -> int:
    """How many minutes an EVIDENCE of whole minutes covers."""
    return int((evidence["end"] - evidence["time"]).dt.total_minutes().sum())
