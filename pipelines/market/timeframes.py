"""Timeframes: their names, lengths and the spans of time they cut. No bars live here.

A span is half-open, [start, end), in aware UTC. A bar is named by its open time and usable after its close.
"""

from datetime import timedelta

from pipelines.errors import UnknownName

MINUTES: dict[str, int] = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "12h": 720, "1d": 1440}
GRACE = timedelta(seconds=3)
"""A bar is usable from its close plus this: events that arrive later are counted and dropped."""


def minutes_of(timeframe: str) -> int:
    """Length of a timeframe in minutes; raises UnknownName for any other word."""
    try:
        return MINUTES[timeframe]
    except KeyError:
        raise UnknownName(
            f"timeframe {timeframe!r} is not known: expected one of {', '.join(MINUTES)}; correct it."
        ) from None


def length_of(timeframe: str) -> timedelta:
    """Length of a timeframe as a timedelta."""
    return timedelta(minutes=minutes_of(timeframe))
