"""What the cohorts of a symbol did, for its features, or why that is not known. No asset and no formula here."""

from collections.abc import Mapping

import polars as pl

from assets.bars import bars_of
from pipelines.errors import MissingData
from pipelines.features import feature_set
from pipelines.market.schemas import FILLS
from pipelines.market.wallets import cohort_flow
from pipelines.settings import Settings
from resources.lake import Lake

FIVE = "5m"


def flow_of(lake: Lake, settings: Settings, keys: Mapping[str, str]) -> tuple[pl.DataFrame | None, str]:
    """FLOW of the symbol and how many of its days have cohorts; None and a sentence where the group is absent.

    keys : symbol and timeframe. Longer bars take the flow of five minutes from what five-minute
    bars are made of: ticks and candles, which are stored before any bar.
    """
    symbol, timeframe = keys["symbol"], keys["timeframe"]
    if not feature_set("meta17_cohorts", timeframe).names:
        return None, f"absent: not defined on {timeframe} bars; bars of five minutes and longer have it"
    if not lake.exists("wallet_fills", {"symbol": symbol}):
        return None, "absent: no wallet_fills are stored; materialize them where the source has fills"
    try:
        stored = timeframe == FIVE
        five = lake.read("bars", keys) if stored else bars_of(lake, settings, symbol, FIVE).bars
    except MissingData as error:  # bars of hours alone: the sentence is the reason
        return None, f"absent: {error}"
    fills = lake.read("wallet_fills", {"symbol": symbol}).select(list(FILLS))
    flow, refused = cohort_flow(fills, five)
    days, why = five["open_time"].dt.date().n_unique(), refused[max(refused)] if refused else ""
    if days == len(refused):
        return None, f"absent: {why or 'no five-minute bar is known'}"
    return flow, f"on {days - len(refused):,} of {days:,} days" + (f"; on the others {why}" if why else "")
