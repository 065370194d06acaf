"""`make bench`: every claim of speed as a ratio in one run; prints a table and writes bench.json.

Names of suites after the command run these alone. Peers that Tidemark does not depend on live in the
benchmark's own environment, .bench/venv.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks import (
    features,
    generation,
    leak_zoo,
    loading,
    minute_bars,
    new_day,
    sequences,
    tardis,
    training_step,
)
from tests.benchmarks.measure import Row

WIDTH = 160  # columns of the table where nobody has a terminal
SUITES = {
    "minute_bars": minute_bars.measure,
    "features": features.measure,
    "new_day": new_day.measure,
    "sequences": sequences.measure,
    "training_step": training_step.measure,
    "loading": loading.measure,
    "generation": generation.measure,
    "tardis": tardis.measure,
    "leaks": leak_zoo.measure,
}


def main(chosen: Sequence[str]) -> int:
    """Run the chosen suites, all when none is named; 0 when every row is within budget, 2 for an unknown name."""
    unknown = sorted(set(chosen) - set(SUITES))
    if unknown:
        print(f"error: no benchmark is called {', '.join(unknown)}; choose from {', '.join(SUITES)}")
        return 2
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    rows: list[Row] = []
    for name in chosen or SUITES:
        started = time.monotonic()
        with console.status(f"measuring {name}"):
            rows += SUITES[name]()
        console.print(f"{name:<12} {time.monotonic() - started:>6.1f} s")
    console.print(_table(rows))
    if not chosen:
        Path("bench.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
    missed = [row["work"] for row in rows if not row["within"]]
    console.print(f"{len(rows) - len(missed)} of {len(rows)} within budget")
    return 1 if missed else 0


def _table(rows: Sequence[Row]) -> Table:
    table = Table("work", "ours", "peer or limit", "peer's", "ratio", "budget", "within")
    for row in rows:
        within = "[green]yes" if row["within"] else "[red]no"
        table.add_row(
            row["work"],
            row["ours"],
            row["peer"],
            row["peers"],
            f"{row['ratio']:.3g}",
            row["budget"],
            within,
        )
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
