"""Features 13–14 of meta17: the perpetual's funding rate and its change over an hour. An optional group.

A rate is known from its recorded stamp on, never from the hour it is named after; a bar sees what was
recorded until it becomes usable, at its close plus the grace. What does not live here: reading funding files.
"""

from datetime import timedelta

import numpy as np
import polars as pl

from pipelines.features.block import Array, Block, Inputs, Whole
from pipelines.features.declaration import Minutes, feature
from pipelines.features.joins import last_known
from pipelines.features.sources import known_at
from pipelines.market.timeframes import GRACE

_PATIENCE = timedelta(hours=1)
"""A rate is too old when its stamp is further back than its period and this."""
_LONGEST = timedelta(hours=8)  # period of a rate, at any venue


def rate_known(inputs: Inputs, ago: timedelta) -> Array:
    """Last rate recorded until `ago` before each bar became usable, bp/h, (N,); NaN when none or too old.

    Raises MissingData without a funding table: an absent source is never a zero rate.
    """
    funding = inputs.table("funding", "funding", ("time", "rate", "period_hours"))
    usable = inputs.bars.get_column("open_time") + inputs.length + GRACE - ago
    hours = pl.col("period_hours")
    patience = pl.duration(microseconds=hours * 3_600_000_000) + _PATIENCE
    rates = funding.select("time", "rate", "period_hours")
    known = last_known(usable, rates, known_at("funding", "1m"), patience)  # a stamp knows no timeframe
    return known.select(1e4 * pl.col("rate") / hours).to_series().to_numpy()


def _now(inputs: Inputs) -> Array:
    return rate_known(inputs, timedelta(0))


def _change(inputs: Inputs) -> Array:
    return np.subtract(inputs.whole(_now), rate_known(inputs, timedelta(hours=1)))


_whole_now = Whole(_now)
_whole_change = Whole(_change)


@feature(
    unit="bp/h", inputs=("rate", "period_hours"), lookback=1, source="funding", behind=_LONGEST + _PATIENCE
)
def funding_rate(x: Block) -> Array:
    """Last recorded funding rate ÷ its period, in bp/h; null when older than its period + 1 h.

    Source: FEATURES.md, meta17 13.
    """
    return x(_whole_now)


@feature(
    unit="bp/h",
    inputs=("rate", "period_hours"),
    lookback=Minutes(60, last_only=True),
    source="funding",
    behind=_LONGEST + _PATIENCE,
)
def funding_momentum_1h(x: Block) -> Array:
    """funding_rate known now minus the one known an hour before.

    Source: FEATURES.md, meta17 14.
    """
    return x(_whole_change)
