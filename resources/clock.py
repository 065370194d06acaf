"""The only clock. Everything else receives its time as an argument."""

from datetime import UTC, datetime


class Clock:
    """Wall time, UTC and aware."""

    def now(self) -> datetime:
        """The present moment."""
        return datetime.now(UTC)
