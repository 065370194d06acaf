"""Holes of a stored candle table that a second market fills, and why others stay. No assets here.

When a second market may speak: pipelines/market/second_market.py. Asking it: refreshing.py.
"""

import polars as pl

from assets.refreshing import opens
from assets.tables import optional
from pipelines.market.bitemporal import merge
from pipelines.market.coverage import expected_opens, missing_spans, span_of, weighty
from pipelines.market.schemas import EVIDENCE, FIRST_SEEN, REVISIONS
from pipelines.market.second_market import fills, only_of
from pipelines.market.symbols import Market
from pipelines.settings import Settings
from resources.lake import Lake
from resources.lake.locking import exclusive


def repair(lake: Lake, settings: Settings, symbol: str, timeframe: str) -> tuple[str, ...]:
    """Fill unknown bars of `candles` from `second_candles` of the declared second market; a sentence if any were.

    Nothing is asked and nothing is filled twice: what is filled is a row of `candles` with its own market.
    """
    keys = {"symbol": symbol, "timeframe": timeframe}
    market = settings.universe.second(symbol)
    if market is None or not lake.exists("second_candles", keys):
        return ()
    with exclusive(lake.root, f"candles {symbol} {timeframe}"):
        evidence = optional(lake, "candle_evidence", keys, EVIDENCE).select(list(EVIDENCE))
        if not _holes(lake, settings, symbol, timeframe, evidence):
            return ()
        second = lake.read("second_candles", keys).filter(pl.col("market") == str(market))
        stored = only_of(lake.read("candles", keys).select(list(FIRST_SEEN)), str(market))
        found = fills(stored, evidence, second, timeframe, settings.universe.of(symbol).calendar)
        if not found.left.is_empty():
            lake.replace("candle_evidence", weighty(pl.concat([evidence, found.left])), keys)
        if found.rows.is_empty():
            return ()
        _keep(lake, keys, stored, found.rows)
    first = found.rows["open_time"][0]
    return (
        f"{found.rows.height:,} unknown bars were filled from {market}, the first at {first:%Y-%m-%d %H:%M} UTC",
    )


def forget_former(lake: Lake, market: Market, timeframe: str) -> tuple[str, ...]:
    """Drop what is stored of another second market than this one: it only repairs and compares. A sentence if any."""
    keys = {"symbol": market.symbol, "timeframe": timeframe}
    others = opens(lake, "second_candles", keys).filter(pl.col("market") != str(market))
    if others.is_empty():
        return ()
    with exclusive(lake.root, f"second_candles {market.symbol} {timeframe}"):
        if lake.exists("second_candle_evidence", keys):
            lake.replace("second_candle_evidence", pl.DataFrame(schema=EVIDENCE), keys)
        if lake.exists("second_candle_revisions", keys):
            lake.replace_months("second_candle_revisions", pl.DataFrame(schema=REVISIONS), keys)
        lake.replace_months("second_candles", pl.DataFrame(schema=FIRST_SEEN), keys)
    names = ", ".join(others["market"].unique().sort())
    return (
        f"{others.height:,} candles of {names}, the second market until now, were dropped: bars that they filled are "
        f"unknown again until {market} fills them",
    )


def _holes(lake: Lake, settings: Settings, symbol: str, timeframe: str, evidence: pl.DataFrame) -> bool:
    """Whether an expected bar between the first stored candle and the last is neither there nor verified empty."""
    market = settings.universe.second(symbol)
    stored = only_of(opens(lake, "candles", {"symbol": symbol, "timeframe": timeframe}), str(market))
    span = span_of(stored, timeframe)
    if span is None:
        return False
    expected = expected_opens(span, timeframe, settings.universe.of(symbol).calendar)
    return bool(missing_spans(span, stored, evidence, timeframe, expected))


def _keep(lake: Lake, keys: dict[str, str], stored: pl.DataFrame, rows: pl.DataFrame) -> None:
    """Beside a venue's candles as values first seen at the repair; beside a file's as part of the record."""
    if rows["seen_at"].null_count():
        whole = pl.concat([stored, rows]).sort("open_time")
    else:
        whole = merge(stored, pl.DataFrame(schema=REVISIONS), rows).first_seen
    lake.replace_months("candles", whole, keys)
