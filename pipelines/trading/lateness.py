"""When a decision comes too late to enter on. The clock that says what time it is is an argument."""

from datetime import datetime, timedelta

from pipelines.market.timeframes import GRACE

LATE_SHARE = 0.1  # of a bar
LATE_LEAST = timedelta(seconds=5)


def usable_at(open_time: datetime, length: timedelta) -> datetime:
    """When the bar that opened at `open_time` may be decided on: its close plus the grace of its events."""
    return open_time + length + GRACE


def deadline(open_time: datetime, length: timedelta) -> datetime:
    """The last moment at which a decision on the bar may still enter: max(10 % of it, 5 s) after it is usable."""
    return usable_at(open_time, length) + max(LATE_SHARE * length, LATE_LEAST)


def is_late(open_time: datetime, length: timedelta, now: datetime) -> bool:
    """Whether a decision at `now` on the bar that opened at `open_time` comes after its deadline.

    State catches up over missed bars, entries never do (`honesty-and-reliability.md` 2.6, 5).
    """
    return now > deadline(open_time, length)
