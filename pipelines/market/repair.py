"""When a second market may fill unknown bars of the first. Which bars are asked about is second_market.py.

A repaired bar says so: its origin is `second-venue`, its market the one it was made of. A volume of
another venue is kept as it is; it is that venue's, which the origin tells. No price is rescaled: where the two
markets disagree around a hole, the hole stays unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData
from pipelines.market.coverage.statements import UNKNOWN
from pipelines.market.schemas import EVIDENCE, FIRST_SEEN, UTC_US
from pipelines.market.timeframes import minutes_of

Span = tuple[datetime, datetime]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
TOLERANCE = 0.01
"""How far the closes of two markets may be apart at the edges of a hole, as a share."""
EDGE_BARS = 60
"""An edge is the nearest bar that both markets have, at most so many bars away from the hole."""


@dataclass(frozen=True)
class Repair:
    """What a second market gave for the holes of the first."""

    rows: pl.DataFrame  # FIRST_SEEN with origin second-venue
    left: pl.DataFrame  # EVIDENCE of kind unknown: holes that stay, and why; `seen_at` null


def fill_from_second(
    candles: pl.DataFrame,
    second: pl.DataFrame,
    holes: Sequence[Span],
    timeframe: str = "1m",
    tolerance: float = TOLERANCE,
) -> Repair:
    """Bars of the second market for the unknown bars of the first.

    candles : CANDLES, FIRST_SEEN or BARS of the first market (`open_time` and `close` are read)
    second : FIRST_SEEN of one other market; only its own candles and trades serve, not what was repaired there
    holes : disjoint half-open spans in which the first market has no bar

    A hole is filled only when the closes of both markets are within `tolerance` of each other at the nearest common
    bar before and after it; an edge without a common bar within EDGE_BARS says nothing, and one edge must speak.
    Raises BadData when `second` is of several markets.
    """
    markets = second["market"].unique().to_list()
    if len(markets) > 1:
        raise BadData(
            f"second market must be one, found {', '.join(map(str, sorted(map(str, markets))))}; choose one."
        )
    name = str(markets[0]) if markets else "the second market"
    usable = second.filter(pl.col("origin").is_in(["candle", "ticks"])).sort("open_time")
    common = candles.select("open_time", "close").join(
        usable.select("open_time", pl.col("close").alias("#second")), on="open_time"
    )
    common = common.sort("open_time").with_columns((pl.col("#second") / pl.col("close") - 1.0).alias("apart"))
    start, end = (
        pl.Series([hole[i] for hole in holes], dtype=UTC_US).to_physical().to_numpy() for i in (0, 1)
    )
    apart = _apart(common, start, end, minutes_of(timeframe) * 60_000_000)
    at = usable["open_time"].to_physical().to_numpy()
    first, until = np.searchsorted(at, start), np.searchsorted(at, end)
    whys = [_why(float(a), int(n), tolerance) for a, n in zip(apart, until - first, strict=True)]
    filled = [usable[i:j] for i, j, why in zip(first, until, whys, strict=True) if not why]
    left = [_unknown(hole, f"{name} {why}") for hole, why in zip(holes, whys, strict=True) if why]
    rows = pl.concat([usable.head(0), *filled]).with_columns(origin=pl.lit("second-venue"))
    return Repair(
        rows.select(list(FIRST_SEEN)).cast(pl.Schema(FIRST_SEEN)), pl.DataFrame(left, schema=EVIDENCE)
    )


def _apart(common: pl.DataFrame, start: Integers, end: Integers, length: int) -> Floats:
    """The larger distance of the markets at the two edges of each hole; NaN where no edge has a common bar near."""
    time, apart = common["open_time"].to_physical().to_numpy(), common["apart"].to_numpy()
    padded = np.concatenate([[np.nan], apart, [np.nan]])  # row i of `common` is padded[i + 1]
    times = np.concatenate([[np.iinfo(np.int64).min // 2], time, [np.iinfo(np.int64).max // 2]])
    before, after = np.searchsorted(time, start), np.searchsorted(time, end) + 1
    near_before = start - times[before] <= EDGE_BARS * length
    near_after = times[after] - end < EDGE_BARS * length
    edges = np.stack(
        [np.where(near_before, padded[before], np.nan), np.where(near_after, padded[after], np.nan)]
    )
    larger = np.argmax(np.nan_to_num(np.abs(edges), nan=-1.0), axis=0)
    worst: Floats = np.take_along_axis(edges, larger[None, :], axis=0)[0]
    return worst


def _why(apart: float, bars: int, tolerance: float) -> str:
    """Why the second market may not fill a hole; empty when it may."""
    if not bars:
        return "has no bar here either"
    if np.isnan(apart):
        return f"shares no bar with it within {EDGE_BARS} bars of the hole: nothing says that the two trade alike"
    if abs(apart) > tolerance:
        return f"is {apart:+.2%} away at an edge of the hole, expected at most {tolerance:.2%}"
    return ""


def _unknown(hole: Span, reason: str) -> dict[str, object]:
    return {"time": hole[0], "end": hole[1], "kind": UNKNOWN, "reason": reason, "seen_at": None}
