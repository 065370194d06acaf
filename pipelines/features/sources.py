"""What features read, and when each row of it is known: stated once for detector, storage and catalogue.

Hours, cohorts and breadth are joined by times of their own (joins.py, cohort_flow.py, breadth.py), which the detector
holds against these; these stand once more in test_declaration.py, by the clock. The tables are made elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, get_args

import polars as pl

from pipelines.market.schemas import BARS, FUNDING, UTC_US
from pipelines.market.timeframes import GRACE, length_of
from pipelines.market.wallets import FLOW

Source = Literal["bars", "funding", "cohorts", "breadth", "hours"]
Schema = Mapping[str, pl.DataType | type[pl.DataType]]
HOUR = "1h"
BREADTH: dict[str, pl.DataType | type[pl.DataType]] = {
    "open_time": UTC_US,
    "breadth": pl.Float64,  # share of the symbols with a known return whose return is above 0
}
_CLOSED = "at its close + 3 s"


@dataclass(frozen=True)
class Read:
    """A table that features of one source read."""

    argument: str  # of compute(): under what name the table is passed
    time: str  # column that names a row
    spans: timedelta | None  # from that time to the end of what a row tells of; None: a bar of the timeframe
    waits: bool  # whether it is waited for as long as a bar is
    known: str  # the same in words
    schema: Schema = field(repr=False)


READ: dict[Source, Read] = {
    "bars": Read("bars", "open_time", None, True, _CLOSED, BARS),
    "funding": Read("funding", "time", timedelta(0), False, "at its recorded stamp", FUNDING),
    "cohorts": Read(
        "flow", "open_time", timedelta(minutes=5), True, "at the close of its five minutes + 3 s", FLOW
    ),
    "breadth": Read("breadth", "open_time", None, True, _CLOSED, BREADTH),
    "hours": Read("hours", "open_time", length_of(HOUR), True, "at the hour's close + 3 s", BARS),
}
SOURCES: tuple[Source, ...] = get_args(Source)
BESIDE: tuple[Source, ...] = SOURCES[1:]
"""The optional ones: without its table a feature is absent, never zero."""


def known_at(source: Source, timeframe: str) -> pl.Expr:
    """When each row of the source's table is known, UTC, by the time that names it; bars are of `timeframe`."""
    read = READ[source]
    spans = length_of(timeframe) if read.spans is None else read.spans
    return pl.col(read.time) + spans + (GRACE if read.waits else timedelta(0))
