"""What the features of a symbol and timeframe read beside its own bars, for batch and live alike. No formula here.

Only what the asked features need is read. Of a source that is not stored there is no table, and why is said: its
features are then absent, never zero. When rows are known is pipelines/features/sources.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from assets.cohort_group import flow_of
from assets.judged import judged_version
from assets.tables import optional
from pipelines.errors import MissingData
from pipelines.features.sources import HOUR, READ, Source
from pipelines.settings import Settings
from resources.lake import Lake

BEFORE = timedelta(days=4)
"""How far back a value may read in these tables: fifty-one hours, 1,062 rows of five minutes, one funding period."""


@dataclass(frozen=True)
class Beside:
    """Tables by source, and of the asked sources that have none the reason."""

    tables: Mapping[Source, pl.DataFrame]
    absent: Mapping[Source, str]
    cohorts: str  # on how many days there are any, or why not
    hours: Mapping[str, str]  # month -> content of the hours that are read; empty where none are

    @property
    def arguments(self) -> dict[str, pl.DataFrame]:
        """The tables under the names that compute takes."""
        return {READ[source].argument: table for source, table in self.tables.items()}

    @property
    def timed(self) -> dict[str, tuple[pl.DataFrame, str]]:
        """The same, each with the name of its time column."""
        return {READ[source].argument: (table, READ[source].time) for source, table in self.tables.items()}

    def empty(self) -> dict[str, pl.DataFrame]:
        """A table without a row for each absent source: what asks for it is then unknown."""
        return {READ[s].argument: pl.DataFrame(schema=dict(READ[s].schema)) for s in self.absent}


def beside(
    lake: Lake,
    settings: Settings,
    keys: Mapping[str, str],
    sources: Iterable[Source],
    since: datetime | None = None,
    *,
    live: bool = False,
) -> Beside:
    """What features of these sources read.

    keys : symbol and timeframe
    since : open time of the first bar that matters; rows that no value of it or later reads may be left out
    live : hours as they come in, like a session's own bars; otherwise as they were judged last
    Raises what judged_version raises of hours that are stored and were found bad.
    """
    symbol, timeframe = keys["symbol"], keys["timeframe"]
    of_hours = {"symbol": symbol, "timeframe": HOUR}
    stored: dict[Source, tuple[str, dict[str, str]]] = {
        "funding": ("funding", {"symbol": symbol}),
        "hours": ("bars", of_hours),
        "breadth": ("breadth", {"timeframe": timeframe}),
    }
    versions: dict[Source, int] = {}
    tables: dict[Source, pl.DataFrame] = {}
    absent: dict[Source, str] = {}
    asked, cohorts = set(sources), "not asked for"
    if "hours" in asked and not live and lake.exists("bars", of_hours):
        try:
            versions["hours"] = judged_version(lake, of_hours)
        except MissingData as why:
            absent["hours"] = str(why)
    if "cohorts" in asked:
        flow, cohorts = flow_of(lake, settings, keys)
        if flow is None:
            absent["cohorts"] = cohorts.removeprefix("absent: ")
        else:
            tables["cohorts"] = flow
    for source in [one for one in stored if one in asked and one not in absent]:
        name, of = stored[source]
        start, version = None if since is None else since - BEFORE, versions.get(source)
        found = optional(lake, name, of, dict(READ[source].schema), start, version=version)
        if found.is_empty():
            absent[source] = f"no {name} of {' '.join(of.values())} are stored"
        else:
            tables[source] = found
    hours = lake.months("bars", of_hours, versions["hours"]) if "hours" in versions else {}
    return Beside(tables, absent, cohorts, hours)
