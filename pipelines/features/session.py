"""Features 6–10: where the bar lies in the day and the week, in UTC, without daylight saving.

Every value depends on the bar's slot in the week only, so each is a table of one week's slots.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipelines.features.block import Array, Block
from pipelines.features.compiled import kernel
from pipelines.features.declaration import feature

_WEEK_MINUTES = 7 * 24 * 60
_MONDAY_OFFSET_MINUTES = 3 * 24 * 60  # 1970-01-01 was a Thursday
_MINUTE_US = 60_000_000


def slot_of_week(x: Block) -> NDArray[np.int64]:
    """Number of the bar since Monday 00:00 UTC."""
    return _slots(
        x.open_time, x.minutes * _MINUTE_US, _WEEK_MINUTES // x.minutes, _MONDAY_OFFSET_MINUTES // x.minutes
    )


@kernel
def _slots(opened: NDArray[np.int64], length: int, week: int, offset: int) -> NDArray[np.int64]:
    slots = np.empty_like(opened)
    for i in range(slots.size):  # in floats, many at once and exact: microseconds stay below 2^53
        bar = np.floor(float(opened[i]) / float(length)) + offset
        slots[i] = int(bar - np.floor(bar / week) * week)
    return slots


@kernel
def _looked_up(table: Array, slots: NDArray[np.int64]) -> Array:
    out = np.empty(slots.size)
    for i in range(slots.size):
        out[i] = table[slots[i]]
    return out


@cache
def _session_table(minutes: int, first_hour: int, last_hour: int) -> Array:
    opened = np.arange(0, _WEEK_MINUTES, minutes) % (24 * 60)
    inside = np.minimum(opened + minutes, last_hour * 60) - np.maximum(opened, first_hour * 60)
    shares: Array = np.maximum(inside, 0) / minutes
    return shares


@cache
def _day_table(minutes: int) -> Array:
    return (np.arange(0, _WEEK_MINUTES, minutes) // (24 * 60)).astype(np.float64)


@cache
def _weekend_table(minutes: int) -> Array:
    return (_day_table(minutes) >= 5).astype(np.float64)


@feature(unit="share", inputs=(), lookback=1, bounds=(0.0, 1.0), flag=True)
def session_tokyo(x: Block) -> Array:
    """Share of the bar's time in [00:00, 09:00) UTC: 0 or 1 up to 1 h, constant (so disabled) at 1 d.

    Source: FEATURES.md 6; Tokyo 09:00–18:00 local.
    """
    return _looked_up(_session_table(x.minutes, 0, 9), x(slot_of_week))


@feature(unit="share", inputs=(), lookback=1, bounds=(0.0, 1.0), flag=True)
def session_london(x: Block) -> Array:
    """Share of the bar's time in [08:00, 17:00) UTC: 0 or 1 up to 1 h, constant (so disabled) at 1 d.

    Source: FEATURES.md 7; London 08:00–17:00 in winter.
    """
    return _looked_up(_session_table(x.minutes, 8, 17), x(slot_of_week))


@feature(unit="share", inputs=(), lookback=1, bounds=(0.0, 1.0), flag=True)
def session_new_york(x: Block) -> Array:
    """Share of the bar's time in [13:00, 22:00) UTC: 0 or 1 up to 1 h, constant (so disabled) at 1 d.

    Source: FEATURES.md 8; New York 08:00–17:00 in winter.
    """
    return _looked_up(_session_table(x.minutes, 13, 22), x(slot_of_week))


@feature(unit="day", inputs=(), lookback=1, bounds=(0.0, 6.0))
def day_of_week(x: Block) -> Array:
    """Day of the bar's open in UTC, Monday 0 to Sunday 6.

    Source: FEATURES.md 9.
    """
    return _looked_up(_day_table(x.minutes), x(slot_of_week))


@feature(unit="flag", inputs=(), lookback=1, bounds=(0.0, 1.0), flag=True)
def is_weekend(x: Block) -> Array:
    """1 when the bar opens on a Saturday or Sunday, UTC.

    Source: FEATURES.md 10.
    """
    return _looked_up(_weekend_table(x.minutes), x(slot_of_week))
