"""The two times of a message and what they may be."""

from datetime import datetime

from pipelines.market.native.fields import micros
from pipelines.market.rows import EARLIEST
from pipelines.market.tardis.kinds import CLOCK_SLACK

Stamp = tuple[int | None, int | None]
"""Exchange time and the recorder's, microseconds; the first None when unreadable, the second when not recorded."""


class Stamps:
    """Bounds of the times of one reading."""

    def __init__(self, window: tuple[datetime, datetime]) -> None:
        """`window`: exchange times lie in [start, end)."""
        start, end = window
        self._start, self._end = micros(start), micros(end)
        self._first, self._last = micros(EARLIEST), micros(end + CLOCK_SLACK)
        self._broken = f"timestamp is not in {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"

    def flaw_of(self, stamp: Stamp) -> str | None:
        """Why a stamp cannot be believed; None when it can."""
        time, local = stamp
        if time is None or not self._start <= time < self._end:
            return self._broken
        if local is not None and not self._first <= local <= self._last:
            return "local time is not a plausible time"
        return None
