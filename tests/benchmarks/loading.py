"""Loading a code location against the bare imports that it cannot do without."""

import subprocess
import sys

from tests.benchmarks.measure import Row, best

LIMIT = "import dagster, polars, numpy, pydantic_settings"


def measure() -> list[Row]:
    """Whole-process seconds of importing each location."""
    bare = best(lambda: _run(LIMIT), 5)
    rows: list[Row] = []
    for location in ("schedules.research", "schedules.paper"):
        ours = best(lambda location=location: _run(f"import {location}"), 5)  # type: ignore[misc]
        rows.append(
            {
                "work": f"load {location}",
                "ours": f"{ours:.2f} s",
                "peer": LIMIT,
                "peers": f"{bare:.2f} s",
                "ratio": ours / bare,
                "budget": "<= 1.5 x",
                "within": ours <= 1.5 * bare,
            }
        )
    return rows


def _run(statement: str) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", statement], check=True)
