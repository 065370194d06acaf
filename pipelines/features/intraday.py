"""Features 1–4, 11 and 12 of intraday12: momentum, mean traded price, and where in its day the bar lies."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from pipelines.features.block import Array, Block, Inputs, Whole
from pipelines.features.day import place, session
from pipelines.features.declaration import DAY_MINUTES, ByClock, Feature, Minutes, feature
from pipelines.features.rolling import lag, ratio, window_sum

_HOUR = 60
_DAY_US = DAY_MINUTES * 60_000_000


def _momentum(minutes: int) -> Feature:
    @feature(
        name=f"momentum_{minutes}m",
        unit="ratio",
        inputs=("close",),
        lookback=Minutes(minutes + 1),
        longest=minutes,
        bounds=(-1.0, float("inf")),
        doc=f"C_t/C_{{t−{minutes} min}} − 1; bars longer than {minutes} minutes have none.\n\nSource: FEATURES.md, "
        "intraday12; Jegadeesh & Titman (1993) for the idea of momentum.",
    )
    def momentum(x: Block) -> Array:
        before = lag(x.close, minutes // x.minutes)
        move: Array = (x.close - before) / before
        return move

    return momentum


momentum_5m = _momentum(5)
momentum_15m = _momentum(15)
momentum_30m = _momentum(30)


@feature(
    unit="quote",
    inputs=("high", "low", "close", "volume", "vwap_distance"),
    encoding="anchored",
    lookback=_HOUR,
    bounds=(0.0, float("inf")),
)
def vwap_60(x: Block) -> Array:
    """Σ (H + L + C)/3·V ÷ ΣV over 60 bars; C when nothing traded. On 1 m bars that of the trades where it is known.

    Source: Berkowitz, Logue & Noser (1988), The total cost of transactions; FEATURES.md, intraday12.
    """
    typical = (x.high + x.low + x.close) / 3.0
    traded = window_sum(x.volume, _HOUR)
    mean = ratio(window_sum(typical * x.volume, _HOUR), traded, when_zero=0.0)
    mean = np.where(traded == 0.0, x.close, mean)
    if x.minutes > 1:  # vwap_distance looks back 60 minutes, which are 60 bars of a minute only
        return mean
    return np.where(np.isnan(x.vwap_distance), mean, x.close / (1.0 + x.vwap_distance / 1e4))


def _since_open(inputs: Inputs) -> Array:
    close, opened = inputs.column("close"), inputs.column("open")
    first = np.maximum(np.arange(close.size) - place(inputs, "open"), 0)
    risen: Array = (close - opened[first]) / opened[first]
    return risen


def _until_close(inputs: Inputs) -> Array:
    closes = inputs.open_time + inputs.length // timedelta(microseconds=1)
    left: NDArray[np.int64] = session(inputs)[1] - closes
    days: Array = left / _DAY_US
    return days


_whole_since_open, _whole_until_close = Whole(_since_open), Whole(_until_close)


@feature(unit="ratio", inputs=("open", "close"), lookback=ByClock("open"), bounds=(-1.0, float("inf")))
def intraday_return(x: Block) -> Array:
    """C/O_day − 1, O_day the open of the day's first bar: 00:00 UTC, or the session's; null when it is unknown.

    A gap since then hides it too, as it hides every value that looks back over one. Source: FEATURES.md, intraday12.
    """
    return x(_whole_since_open)


@feature(unit="day", inputs=(), lookback=1, bounds=(0.0, 1.0))
def minutes_to_close(x: Block) -> Array:
    """Minutes from the bar's close to the session's ÷ 1440; to 24:00 UTC where the market never closes.

    Source: FEATURES.md, intraday12; Wood, McInish & Ord (1985) for what the time of day does.
    """
    return x(_whole_until_close)
