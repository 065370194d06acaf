"""Loading a code location against the bare imports that it cannot do without."""

import subprocess
import sys

from tests.benchmarks.measure import Row, at_most, best

BARE = "import dagster, polars, numpy, pydantic_settings"
LOCATIONS = ("schedules.research", "schedules.paper")
LIMIT = 1.5


def measure() -> list[Row]:
    """Whole-process seconds of importing each location, and of importing only what both must have."""
    statements = [BARE, *(f"import {location}" for location in LOCATIONS)]
    bare, *ours = best(*(lambda s=s: _run(s) for s in statements), runs=5)
    return [
        at_most(LIMIT, f"load {location}", seconds, "bare imports", bare)
        for location, seconds in zip(LOCATIONS, ours, strict=True)
    ]


def _run(statement: str) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", statement], check=True)
