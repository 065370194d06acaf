"""What the features of a partition are made of, and making the stale months. Nothing is judged or stored here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assets import causality
from assets.cohort_group import flow_of
from assets.increments import Stale, stale
from assets.tables import optional
from pipelines.features import feature_set
from pipelines.features.continued import continued, reach
from pipelines.features.sets import features_named
from pipelines.market.calendars import DAY, closing_sessions
from pipelines.market.schemas import BARS, FUNDING
from pipelines.market.timeframes import length_of
from pipelines.settings import Settings
from resources.lake import Lake


@dataclass(frozen=True)
class Made:
    """Features of the months that were stale, and what they were made of."""

    frame: pl.DataFrame
    names: tuple[str, ...]
    bars: pl.DataFrame  # theirs, and those before them within reach
    funding: pl.DataFrame
    flow: pl.DataFrame | None
    cohorts: str  # on how many days there are any, or why not
    stale: Stale


def made_now(lake: Lake, settings: Settings, keys: Mapping[str, str]) -> Made:
    """The features of a symbol and timeframe from the first month on that is not stored as it would be made now."""
    symbol, timeframe = keys["symbol"], keys["timeframe"]
    funding = optional(lake, "funding", {"symbol": symbol}, FUNDING)
    flow, cohorts = flow_of(lake, settings, keys)
    start, end = settings.universe.expected_span(symbol)
    sessions = closing_sessions(settings.universe.of(symbol).calendar, start, end + DAY)
    names = wanted(timeframe, settings.universe.feature_sets, funding, flow)
    tables = {"funding": (funding, "time"), "flow": (flow, "open_time"), "sessions": (sessions, "open")}
    found = stale(lake, keys, names, tables)
    back = max(reach(names, timeframe), causality.NEWEST * length_of(timeframe))
    since = found.since - back if sessions is None else None  # of a market that closes they lie further back
    # at the very version whose content is remembered; those of an older table lack columns
    bars = optional(lake, "bars", dict(keys), BARS, since, version=found.bars_version)
    past, new = (
        bars.filter(pl.col("open_time") < found.since),
        bars.filter(pl.col("open_time") >= found.since),
    )
    frame = continued(past, new, timeframe, names, funding=funding, flow=flow, sessions=sessions)
    return Made(frame, names, bars, funding, flow, cohorts, found)


def wanted(
    timeframe: str, sets: Sequence[str], funding: pl.DataFrame, flow: pl.DataFrame | None = None
) -> tuple[str, ...]:
    """The features of `sets`, and the groups whose source is recorded: without one a group is absent, never zero.

    market_breadth is made by whoever has the bars of the whole market: stored here, a symbol's features would change
    with the bars of every other one.
    """
    there = {"bars": True, "funding": not funding.is_empty(), "cohorts": flow is not None}
    groups = [f"meta17_{source}" for source in ("funding", "cohorts") if there[source]]
    named = dict.fromkeys(name for each in (*sets, *groups) for name in feature_set(each, timeframe).names)
    return tuple(one.name for one in features_named(list(named)) if there.get(one.source, False))
