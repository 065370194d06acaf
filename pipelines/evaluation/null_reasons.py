"""Why columns of a feature table are null: warm-up, candles instead of ticks, too short a recording, no funding.

Pure: feature and bar tables in, plain rows out. How they are shown is `report_data`; what makes a value null is
pipelines.features.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.features.declaration import Feature
from pipelines.features.sets import feature_set, features_named
from pipelines.market.timeframes import length_of, minutes_of

Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]


def null_reasons(features: pl.DataFrame, bars: pl.DataFrame, timeframe: str) -> list[dict[str, Any]]:
    """One row per reason: `{"columns": [...], "nulls": most of them, "rows": N, "reason": sentence}`.

    `features`, `bars`: the stored tables of one symbol and timeframe, row by row the same bars. Columns with no
    null, and columns that are not in the table, are not mentioned.
    """
    sets = ("v5", "meta17", "intraday12", "hours")
    known = dict.fromkeys(name for each in sets for name in feature_set(each).names)
    runs = _Runs(bars, timeframe)
    grouped: dict[str, list[Feature]] = {}
    for one in features_named([name for name in known if name in features.columns]):
        nulls = features[one.name].is_null().to_numpy()
        if nulls.any():
            grouped.setdefault(_reason(one, nulls, runs), []).append(one)
    return [
        {
            "columns": [one.name for one in alike],
            "nulls": max(features[one.name].null_count() for one in alike),
            "rows": features.height,
            "reason": reason,
        }
        for reason, alike in grouped.items()
    ]


def origins(bars: pl.DataFrame) -> dict[str, int]:
    """Bars by origin (ticks, candle, second-venue, verified-empty)."""
    return dict(bars.group_by("origin").len().sort("origin").iter_rows())


class _Runs:
    """How many bars in a row stand behind each bar, and the same counting bars made of ticks only."""

    def __init__(self, bars: pl.DataFrame, timeframe: str) -> None:
        self.timeframe = timeframe
        steps = np.diff(bars["open_time"].to_physical().to_numpy())
        follows = np.append(False, steps == length_of(timeframe) // timedelta(microseconds=1))
        everything = np.ones(bars.height, dtype=np.bool_)
        self.ticks: Flags = _from_ticks(bars)
        self.behind: Counts = _in_a_row(everything, follows)
        self.ticks_behind: Counts = _in_a_row(self.ticks, follows)


def _from_ticks(bars: pl.DataFrame) -> Flags:
    found: Flags = (bars["trades"].is_not_null() & (bars["crossed"].is_not_null())).to_numpy()
    return found  # an empty candle states trades = 0, but no candle says anything about a book


def _in_a_row(holds: Flags, follows: Flags) -> Counts:
    """Per row the length of the unbroken run that ends there, 0 where it does not hold."""
    place = np.arange(holds.size)
    starts = holds & ~(follows & np.append(False, holds[:-1]))
    first = np.maximum.accumulate(np.where(starts, place, 0)) if holds.size else place
    return np.where(holds, place - first + 1, 0)


def _reason(one: Feature, nulls: Flags, runs: _Runs) -> str:
    if one.source == "funding":
        return "no funding was recorded" if nulls.all() else "no settled funding is recent enough there"
    if one.source == "cohorts":
        return "needs twenty whole days, cohorts on every day, and 1,062 five-minute bars in a row behind it"
    if one.source == "hours":
        return "needs the last hour that had closed, and up to fifty hours in a row behind it"
    if one.source == "breadth":
        return "the return of no symbol is known there"
    if not one.ticks:
        return _warm_up(one, nulls, runs.behind, runs.timeframe, "bars")
    if not runs.ticks.any():
        return "needs ticks; every bar here comes from candles"
    on_ticks = nulls & runs.ticks
    parts = []
    if (nulls & ~runs.ticks).any():
        parts.append(f"needs ticks; {int((~runs.ticks).sum()):,} bars come from candles")
    if on_ticks.any():
        parts.append(_warm_up(one, on_ticks, runs.ticks_behind, runs.timeframe, "bars of ticks"))
    return "; ".join(parts)


def _warm_up(one: Feature, nulls: Flags, behind: Counts, timeframe: str, what: str) -> str:
    """The part of the nulls that too short a run explains, and the part that it does not."""
    need, longest = one.bars(minutes_of(timeframe)), int(behind.max())
    early = nulls & (behind < need)
    unit = what.replace("bars", "minutes") if timeframe == "1m" else what
    parts = []
    if early.any() and longest < need:
        parts.append(f"needs {need} {unit} in a row, the longest run has {longest:,}")
    elif early.any():
        parts.append(f"warm-up: a value that looks n {unit} back is unknown until n of them stand in a row")
    if (nulls & ~early).any():
        parts.append("the book is unknown for more than half of the bar, or a minute of it is")
    return "; ".join(parts)


def listed(columns: Sequence[str], most: int = 8) -> str:
    """Names in words, the rest counted when they are many."""
    shown = ", ".join(columns[:most])
    return shown if len(columns) <= most else f"{shown} and {len(columns) - most} more"
