"""Fills of single wallets by symbol: an optional table, from which cohorts are made. Its rules: pipelines/market."""

import dagster as dg

from assets.describe import OWNERS, written
from assets.partitions import Partitions
from assets.tables import KINDS, keep_quarantine
from pipelines.errors import MissingData
from pipelines.market.wallets import cohort_state, lookalike_count
from pipelines.settings import Settings
from resources.lake import Lake
from resources.sources import Source

GROUP = "market"
TABLE = "wallet_fills"


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
        delivery = source.fills(symbol, *settings.universe.span)
        if delivery is None:
            raise MissingData(
                f"{symbol}: the source has no wallet fills; features go without cohorts, nothing else is needed."
            )
        receipt = lake.replace_months(TABLE, delivery.frame, {"symbol": symbol})
        keep_quarantine(lake, TABLE, {symbol: delivery.quarantine})
        wallets, eligible, sentence = cohort_state(delivery.frame)
        return written(
            receipt,
            delivery.notes,
            quarantined=delivery.quarantine.height,
            repeats_dropped=delivery.duplicates,
            possible_repeats=lookalike_count(delivery.frame),
            wallets=wallets,
            eligible_wallets=eligible,
            cohorts=sentence,
        )

    return [wallet_fills]
