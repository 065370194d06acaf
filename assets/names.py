"""What is stored about a symbol under its own name and under those that were joined to it (F25). No assets here.

Which time is whose, and how two names become one history, is pipelines/market/aliases.py.
"""

import polars as pl

from assets.tables import optional
from pipelines.market.aliases import own_span
from pipelines.market.assembly import Told
from pipelines.market.bitemporal import require_one_market
from pipelines.market.histories import evidence_of, history
from pipelines.market.schemas import EVIDENCE, FIRST_SEEN
from pipelines.market.second_market import only_of
from pipelines.settings import Settings
from resources.lake import Lake


def told_of(lake: Lake, settings: Settings, symbol: str, timeframe: str) -> tuple[Told, tuple[str, ...]]:
    """What sources say of a symbol and timeframe, each name in its own time; a sentence for every join."""
    renames = settings.source.renames

    def stored(table: str, schema: dict[str, pl.DataType | type[pl.DataType]], name: str) -> pl.DataFrame:
        return optional(lake, table, {"symbol": name, "timeframe": timeframe}, schema).select(list(schema))

    def own(name: str) -> pl.DataFrame:
        declared = settings.universe.of(name)
        found = stored("candles", FIRST_SEEN, name)
        received = found.filter(pl.col("seen_at").is_not_null())  # of files the file is the record
        require_one_market(received, declared.primary, f"{name} {timeframe}")
        return only_of(found, declared.second)

    candles, notes = history(symbol, renames, own)
    evidence = evidence_of(
        symbol,
        renames,
        lambda name: stored("candle_evidence", EVIDENCE, name),
        settings.universe.expected_span(symbol),
    )
    return Told(candles, evidence), notes


def within_own(table: pl.DataFrame, time: str, symbol: str, settings: Settings) -> pl.DataFrame:
    """The rows of the symbol's own time: no bar of another name's ticks stands in it."""
    mine = own_span(symbol, settings.universe.expected_span(symbol), settings.source.renames)
    return table.head(0) if mine is None else table.filter(pl.col(time).is_between(*mine, closed="left"))
