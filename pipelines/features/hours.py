"""Hourly context of shorter bars: what the last hour that had closed looks like. An optional group.

A minute sees the hour that was known when the minute itself became usable, never the hour it lies in: joined by its
open an hour shows up to 59 minutes of future. The join is joins.py, the formulas are those of the hour's own features.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.features.averages import close_sma_50_ratio
from pipelines.features.bands import bb_position
from pipelines.features.block import Array, Block, Inputs, Whole
from pipelines.features.declaration import Feature, feature
from pipelines.features.engine import compute
from pipelines.features.joins import context
from pipelines.features.meta_price import mom_1, mom_3, rv_1h
from pipelines.features.momentum import rsi_14
from pipelines.features.sources import HOUR
from pipelines.features.spread import spread_pct
from pipelines.features.volume import volume_ratio
from pipelines.market.schemas import CANDLES
from pipelines.market.timeframes import MINUTES, length_of

_OF_THE_HOUR = (mom_1, mom_3, rv_1h, rsi_14, close_sma_50_ratio, bb_position, spread_pct, volume_ratio)
"""Free of currency and lot size, so that an hour of any market looks alike beside any minute."""
_LONGEST = max(minutes for minutes in MINUTES.values() if minutes < MINUTES[HOUR])


def _last_hours(inputs: Inputs) -> NDArray[np.float64]:
    """Those features of the hour that each bar knows last, (N, 8); NaN where it is unknown."""
    names = [one.name for one in _OF_THE_HOUR]
    hours = inputs.table("hours", "hours", tuple(CANDLES))
    of_hours = compute(hours, HOUR, names, sessions=inputs.tables.get("sessions"))
    timeframe = next(name for name in MINUTES if length_of(name) == inputs.length)
    known = context(inputs.bars.select("open_time"), timeframe, of_hours, HOUR, "hour_")
    return known.select(pl.col(f"hour_{name}").fill_null(np.nan) for name in names).to_numpy()


def _declared(place: int, of: Feature) -> Feature:
    def values(inputs: Inputs) -> Array:
        column: Array = inputs.whole(_last_hours)[:, place]
        return column

    whole = Whole(values)

    @feature(
        name=f"hour_{of.name}",
        unit=of.unit,
        inputs=tuple(name for name in CANDLES if name in of.inputs),
        encoding=of.encoding,
        lookback=1,
        bounds=of.bounds,
        source="hours",
        behind=(of.bars(MINUTES[HOUR]) + 1)
        * length_of(HOUR),  # the hour that closed last opened up to two before
        longest=_LONGEST,
        doc=f"{of.name} of the last hour that had closed; null when that hour or a bar that it looks back to is "
        f"unknown.\n\nSource: {of.name} on 1 h bars, joined by the time at which the hour was known.",
    )
    def of_the_hour(x: Block) -> Array:
        return x(whole)

    return of_the_hour


(
    hour_mom_1,
    hour_mom_3,
    hour_rv_1h,
    hour_rsi_14,
    hour_close_sma_50_ratio,
    hour_bb_position,
    hour_spread_pct,
    hour_volume_ratio,
) = (_declared(place, of) for place, of in enumerate(_OF_THE_HOUR))
