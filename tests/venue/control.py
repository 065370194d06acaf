"""Control over HTTP: POST /_control plays and stops faults and sets the clock, GET /_requests tells what arrived."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from tests.venue.fault_table import COMMON
from tests.venue.faults import Fault, Playing
from tests.venue.wire import Reply, Seen, as_json


class Controlled(Protocol):
    """What can be controlled."""

    playing: Playing
    now: Any

    def play(self, name: str, **args: Any) -> Fault:
        """Start a fault."""
        ...

    def stop_faults(self, fault: Fault | None = None) -> None:
        """Stop faults."""
        ...


def control(venue: Controlled, order: Mapping[str, Any]) -> Reply:
    """`{"play": "F6", ...}`, `{"stop": true}`, `{"now": "2025-01-01T00:00:00Z"}` over HTTP."""
    args = {key: value for key, value in order.items() if key not in ("play", "stop", "now")}
    try:
        if order.get("stop"):
            venue.stop_faults()
        if "now" in order:
            venue.now = None if order["now"] is None else datetime.fromisoformat(order["now"])
        if "play" in order:
            venue.play(order["play"], **_moments(args))
    except ValueError as error:
        return as_json({"error": str(error)}, 400)
    return as_json({"playing": [fault.name for fault in venue.playing.faults], "common": list(COMMON)})


def _moments(args: Mapping[str, Any]) -> dict[str, Any]:
    """ISO texts of `at`, `start` and `end` as moments."""
    return {
        key: datetime.fromisoformat(value)
        if key in ("at", "start", "end") and isinstance(value, str)
        else value
        for key, value in args.items()
    }


def told(seen: Seen) -> dict[str, Any]:
    """A request for GET /_requests."""
    return {
        "at": seen.at,
        "wall": seen.wall.isoformat(),
        "method": seen.method,
        "path": seen.path,
        "query": seen.query,
        "body": seen.body.decode(errors="replace"),
        "venue": seen.venue,
        "kind": seen.kind,
        "status": seen.status,
        "faults": seen.faults,
    }
