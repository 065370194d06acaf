"""When a decision comes too late to enter on. The clock that says what time it is is an argument."""

from datetime import datetime, timedelta

from pipelines.market.timeframes import GRACE

LATE_SHARE = 0.1  # of a bar
LATE_LEAST = timedelta(seconds=5)


def is_late(open_time: datetime, length: timedelta, now: datetime) -> bool:
    """Whether a decision on the bar that opened at `open_time` is older than max(10 % of the bar, 5 s) past usable.

    State catches up over missed bars, entries never do (`honesty-and-reliability.md` 2.6, 5).
    """
    return now - (open_time + length + GRACE) > max(LATE_SHARE * length, LATE_LEAST)
