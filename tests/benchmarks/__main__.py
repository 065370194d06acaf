"""`make bench`: every claim of speed as a ratio in one run; prints a table and writes bench.json.

Peers that Tidemark does not depend on live in the benchmark's own environment, .bench/venv.
"""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks import features, generation, loading, minute_bars, sequences
from tests.benchmarks.measure import Row

SUITES = {
    "minute bars": minute_bars.measure,
    "features": features.measure,
    "sequences": sequences.measure,
    "loading": loading.measure,
    "generation": generation.measure,
}


def main() -> int:
    """Run every suite; 0 when all rows are within budget."""
    console = Console()
    rows: list[Row] = []
    for name, suite in SUITES.items():
        with console.status(f"measuring {name}"):
            rows += suite()
    table = Table("work", "ours", "peer or limit", "peer's", "ratio", "budget", "within")
    for row in rows:
        table.add_row(
            row["work"],
            row["ours"],
            row["peer"],
            row["peers"],
            f"{row['ratio']:.2f}",
            row["budget"],
            "[green]yes" if row["within"] else "[red]no",
        )
    console.print(table)
    Path("bench.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0 if all(row["within"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
