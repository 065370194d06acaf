"""Settled funding of a symbol as an asset; a venue is asked only for what is not stored. Parsing: pipelines/market."""

from datetime import datetime, timedelta

import dagster as dg
import polars as pl

from assets.describe import OWNERS, written
from assets.partitions import Partitions
from assets.tables import KINDS, optional
from pipelines.errors import BadSettings, MissingData
from pipelines.market.native.funding_notes import funding_notes
from pipelines.market.schemas import FUNDING
from pipelines.settings import Settings
from resources.lake import Lake
from resources.sources import Incremental, Source

GROUP = "market"
OVERLAP = timedelta(days=2)
"""Asked again before what is new: the period of a payment is told by its neighbours."""
KEPT = {**FUNDING, "market": pl.String}
"""A venue's payments as they are stored: with the market that settled them."""


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
        primary = str(settings.universe.primary(symbol))
        frame = refreshed(source, lake, symbol, primary, *settings.universe.span)
        return written(lake.replace("funding", frame, {"symbol": symbol}), funding_notes(frame))

    return [funding]


def refreshed(
    source: Source, lake: Lake, symbol: str, market: str, start: datetime, end: datetime
) -> pl.DataFrame:
    """FUNDING of [start, end): all of a local source; of a venue what is stored and what came before or after it.

    A venue's rows are KEPT, and a stored payment stays as it is. Raises MissingData when the source has no funding of
    the symbol, BadSettings when what is stored was settled on another market than `market`.
    """
    if not isinstance(source, Incremental):
        return _asked(source, symbol, start, end)
    stored = _of_market(optional(lake, "funding", {"symbol": symbol}, KEPT), symbol, market)
    new = [_asked(source, symbol, *span) for span in _missing(stored["time"], start, end)]
    rows = pl.concat([pl.DataFrame(schema=FUNDING), *new]).unique("time", keep="last")
    if not stored.is_empty():  # a stored payment's period was told by its neighbours: none is put between two
        rows = rows.filter(~pl.col("time").is_between(stored["time"][0], stored["time"][-1]))
    return pl.concat([stored, rows.with_columns(market=pl.lit(market))]).sort("time")


def _missing(stored: pl.Series, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """What of [start, end) is asked for; nothing when the universe ends before what is stored does."""
    if stored.is_empty():
        return [(start, end)]
    first, last = stored[0], stored[-1]
    before = [(start, first + OVERLAP)] if start < first - OVERLAP else []
    after = max(start, last - OVERLAP)
    return [*before, (after, end)] if after < end else before


def _of_market(stored: pl.DataFrame, symbol: str, market: str) -> pl.DataFrame:
    """Stored rows as KEPT; those written before the market was kept are taken for this one's."""
    if "market" not in stored.columns:
        stored = stored.with_columns(market=pl.lit(None, pl.String))
    others = stored["market"].drop_nulls().unique().sort()
    if (others != market).any():
        raise BadSettings(
            f"{symbol}: stored funding is of {others.filter(others != market)[0]}, expected it as the primary market, "
            f"found {market}: rates of two markets are never spliced; give {market} a symbol of its own or delete the "
            f"partition {symbol} of the table funding."
        )
    return stored.with_columns(pl.col("market").fill_null(market)).select(list(KEPT))


def _asked(source: Source, symbol: str, start: datetime, end: datetime) -> pl.DataFrame:
    frame = source.funding(symbol, start, end)
    if frame is None:
        raise MissingData(
            f"{symbol}: the source has no funding; features go without it, nothing else is needed."
        )
    return frame.select(list(FUNDING))
