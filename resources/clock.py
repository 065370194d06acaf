"""The only clock. Everything else receives its time as an argument."""

import time
from datetime import UTC, datetime


class Clock:
    """Wall time, UTC and aware."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait; by the monotonic clock, so a step of the wall clock neither shortens nor lengthens it."""
        time.sleep(seconds)

    def monotonic(self) -> float:
        """Seconds that only ever rise; differences mean durations, whatever the wall clock does."""
        return time.monotonic()
