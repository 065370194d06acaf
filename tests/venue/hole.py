"""The span of a big hole (F14): as told, or an hour in the middle of what there is."""

from typing import Any

from tests.venue.faults import Fault
from tests.venue.tables import milliseconds

HOUR_MS = 3_600_000


def hole_of(fault: Fault, times: Any, unit_per_ms: int) -> tuple[int, int]:
    """Start and end of the hole in the unit of `times`; the same for every table of the venue once settled."""
    if "span" not in fault.memory:
        if fault["start"] is not None:
            low = milliseconds(fault["start"])
        else:
            low = int(times[len(times) // 2]) // unit_per_ms // HOUR_MS * HOUR_MS if len(times) else 0
        high = milliseconds(fault["end"]) if fault["end"] is not None else low + HOUR_MS
        fault.memory["span"] = (low, high)
    low, high = fault.memory["span"]
    return low * unit_per_ms, high * unit_per_ms
