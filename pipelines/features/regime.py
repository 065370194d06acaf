"""Feature 9 of intraday12: whether an hour is calm, usual or wild, as the thirty days before its day were."""

import numpy as np

from pipelines.features.block import Array, Block, Inputs, Whole
from pipelines.features.day import place
from pipelines.features.declaration import DAY_MINUTES, ByClock, feature
from pipelines.features.meta_price import hour_bars, hour_volatility

_DAYS = 30
_LOOKBACK = ByClock("midnight", _DAYS, hour_bars)


def _terciles(inputs: Inputs) -> Array:
    """0, 1 or 2 for every bar of a day behind which thirty whole days are known; NaN for the others."""
    minutes = round(inputs.length.total_seconds() / 60)
    window, volatility = _DAYS * (DAY_MINUTES // minutes), inputs.whole(hour_volatility)
    out = np.full(volatility.size, np.nan)
    mornings = np.flatnonzero(place(inputs, "midnight") == 0)
    for first, stop in zip(mornings, np.append(mornings, volatility.size)[1:], strict=True):
        begin = first - window - hour_bars(minutes)
        if begin < 0 or inputs.unbroken[begin] != inputs.unbroken[first]:
            continue
        low, high = np.quantile(volatility[first - window : first], [1 / 3, 2 / 3])
        today = volatility[first:stop]
        out[first:stop] = (today > low).astype(np.float64) + (today > high)
    return out


_whole_terciles = Whole(_terciles)


@feature(unit="class", inputs=("close",), lookback=_LOOKBACK, bounds=(0.0, 2.0))
def volatility_regime(x: Block) -> Array:
    """0, 1, 2: rv_1h up to the lower tercile, up to the upper one, above it, of every rv_1h of 30 whole UTC days.

    They are the days before the bar's own; terciles interpolate linearly. Null until all 30 are known without a gap.
    Source: FEATURES.md, intraday12; Andersen & Bollerslev (1998) for rv_1h.
    """
    return x(_whole_terciles)
