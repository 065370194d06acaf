"""What the features of a partition are made of, and making the stale months. Nothing is judged or stored here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assets import causality
from assets.beside import Beside, beside
from assets.increments import Stale, stale
from assets.tables import optional
from pipelines.features import feature_set
from pipelines.features.continued import continued, reach
from pipelines.features.sets import features_named
from pipelines.features.sources import Source
from pipelines.market.calendars import DAY, closing_sessions
from pipelines.market.schemas import BARS
from pipelines.market.timeframes import length_of
from pipelines.settings import Settings
from resources.lake import Lake

_GROUPS: dict[Source, str] = {"funding": "meta17_funding", "cohorts": "meta17_cohorts"}
"""Sets that are stored wherever their source is recorded, named or not."""


@dataclass(frozen=True)
class Made:
    """Features of the months that were stale, and what they were made of."""

    frame: pl.DataFrame
    names: tuple[str, ...]
    bars: pl.DataFrame  # theirs, and those before them within reach
    beside: Beside
    stale: Stale
    sessions: pl.DataFrame | None  # of a market that closes


def made_now(lake: Lake, settings: Settings, keys: Mapping[str, str]) -> Made:
    """The features of a symbol and timeframe from the first month on that is not stored as it would be made now.

    Raises what judged_version raises of hours that are read and were found bad.
    """
    symbol, timeframe = keys["symbol"], keys["timeframe"]
    sets = settings.universe.feature_sets
    read = beside(lake, settings, keys, {*_GROUPS, *sources_of(timeframe, sets)})
    start, end = settings.universe.expected_span(symbol)
    sessions = closing_sessions(settings.universe.of(symbol).calendar, start, end + DAY)
    names = wanted(timeframe, sets, read.tables)
    found = stale(lake, keys, names, {**read.timed, "sessions": (sessions, "open")}, read.hours)
    back = max(reach(names, timeframe), causality.NEWEST * length_of(timeframe))
    since = found.since - back if sessions is None else None  # of a market that closes they lie further back
    # at the very version whose content is remembered; those of an older table lack columns
    bars = optional(lake, "bars", dict(keys), BARS, since, version=found.bars_version)
    past, new = (
        bars.filter(pl.col("open_time") < found.since),
        bars.filter(pl.col("open_time") >= found.since),
    )
    frame = continued(past, new, timeframe, names, **read.arguments, sessions=sessions)
    return Made(frame, names, bars, read, found, sessions)


def sources_of(timeframe: str, sets: Sequence[str]) -> set[Source]:
    """What the features of these sets are made of, on bars of the timeframe."""
    return {one.source for each in sets for one in features_named(feature_set(each, timeframe).names)}


def wanted(timeframe: str, sets: Sequence[str], there: Collection[Source]) -> tuple[str, ...]:
    """The features of `sets`, and the groups whose source is recorded: without one a group is absent, never zero.

    there : the optional sources that have a table
    """
    groups = [name for source, name in _GROUPS.items() if source in there]
    named = dict.fromkeys(name for each in (*sets, *groups) for name in feature_set(each, timeframe).names)
    return tuple(one.name for one in features_named(list(named)) if one.source in {"bars", *there})
