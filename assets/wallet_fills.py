"""Fills of single wallets by symbol: an optional table, from which cohorts are made. Its rules: pipelines/market.

Local files are the record, so the table becomes what they say. A venue forgets: what it gives is put beside what is
stored (pipelines/market/wallets/kept.py), and what it was asked for is kept in `wallet_evidence`.
"""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg
import polars as pl

from assets.describe import OWNERS, written
from assets.partitions import Partitions
from assets.tables import KINDS, add_quarantine, keep_quarantine, optional
from pipelines.errors import MissingData
from pipelines.market.schemas import FILLS
from pipelines.market.wallets import cohort_state, lookalike_count
from pipelines.market.wallets.kept import ASKED, WALLET_EVIDENCE, ask_from, merge, refused, with_evidence
from pipelines.settings import Settings
from resources.lake import Lake, Receipt
from resources.sources import Delivery, Incremental, Source

GROUP = "market"
TABLE = "wallet_fills"
SAID = "wallet_evidence"


def build(p: Partitions) -> list[dg.AssetsDefinition]:
    """The wallet fills of these partitions."""

    @dg.asset(
        partitions_def=p.symbols,
        group_name=GROUP,
        owners=OWNERS,
        kinds=KINDS,
        description="Fills of a symbol by wallet: +1 bought, -1 sold. Cohorts of wallets are made from them.",
    )
    def wallet_fills(
        context: dg.AssetExecutionContext,
        source: dg.ResourceParam[Source],
        lake: dg.ResourceParam[Lake],
        settings: dg.ResourceParam[Settings],
    ) -> dg.MaterializeResult:
        symbol = context.partition_key
        keep = _added if isinstance(source, Incremental) else _replaced
        receipt, delivery, frame = keep(source, lake, settings, symbol)
        wallets, eligible, sentence = cohort_state(frame)
        return written(
            receipt,
            delivery.notes,
            quarantined=delivery.quarantine.height,
            repeats_dropped=delivery.duplicates,
            possible_repeats=lookalike_count(frame),
            wallets=wallets,
            eligible_wallets=eligible,
            cohorts=sentence,
        )

    return [wallet_fills]


def _replaced(
    source: Source, lake: Lake, settings: Settings, symbol: str
) -> tuple[Receipt, Delivery, pl.DataFrame]:
    """Local data."""
    delivery = _asked(source, symbol, *settings.universe.span)
    receipt = lake.replace_months(TABLE, delivery.frame, {"symbol": symbol})
    keep_quarantine(lake, TABLE, {symbol: delivery.quarantine})
    return receipt, delivery, delivery.frame


def _added(
    source: Source, lake: Lake, settings: Settings, symbol: str
) -> tuple[Receipt, Delivery, pl.DataFrame]:
    """A venue: ask for what is not stored, and keep what is.

    `wallet_evidence` is written last: it says what need not be asked for again, which a killed run must not.
    """
    keys, (start, end) = {"symbol": symbol}, settings.universe.span
    stored = optional(lake, TABLE, keys, FILLS).select(list(FILLS))
    said = optional(lake, SAID, keys, WALLET_EVIDENCE).select(list(WALLET_EVIDENCE))
    since = ask_from(stored, said, followed(settings, symbol), start)
    nothing = Delivery(stored.head(0), evidence=said.head(0))
    delivery = _asked(source, symbol, since, end) if since < end else nothing
    merged, evidence = merge(stored, delivery.frame), with_evidence(said, delivery.evidence)
    aside = pl.concat([delivery.quarantine, refused(merged.changed, f"{symbol} fills")])
    receipt = lake.replace_months(TABLE, merged.rows, keys)
    add_quarantine(lake, TABLE, symbol, aside)
    if not evidence.is_empty():
        lake.replace(SAID, evidence, keys)
    news = f"asked from {since:%Y-%m-%d %H:%M} UTC: {merged.added:,} fills are new, {stored.height:,} were stored"
    notes = (news, *delivery.notes, *_unknown(evidence))
    return receipt, Delivery(merged.rows, aside, notes, False, delivery.duplicates), merged.rows


def followed(settings: Settings, symbol: str) -> Sequence[str]:
    """The wallets that are followed on the venue of a symbol's primary market."""
    venues = settings.source.venues
    declared = venues.exchange(settings.universe.primary(symbol).venue) if venues else None
    return declared.wallets if declared else ()


def _asked(source: Source, symbol: str, start: datetime, end: datetime) -> Delivery:
    delivery = source.fills(symbol, start, end)
    if delivery is None:
        raise MissingData(
            f"{symbol}: the source has no wallet fills; features go without cohorts, nothing else is needed."
        )
    return delivery


def _unknown(evidence: pl.DataFrame) -> tuple[str, ...]:
    """A sentence for every span in which fills may be missing."""
    return tuple(
        f"{row['address']}: fills from {row['time']:%Y-%m-%d %H:%M:%S} to {row['end']:%Y-%m-%d %H:%M:%S} UTC may be "
        f"missing: {row['reason']}"
        for row in evidence.filter(pl.col("kind") != ASKED).iter_rows(named=True)
    )
