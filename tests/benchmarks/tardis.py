"""Tick files of the Tardis archive: rows a second on one core, and memory that does not grow with the file.

Each measurement runs in a process of its own, bound to one core, with polars on one thread; so does polars' plain read
of the same columns of the same file, typed, which is the floor of any reading.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measure import Row
from tests.benchmarks.tardis_files import Make, snapshots, trades, updates, write

MEMORY = 2 * 2**30  # bytes
OR_POLARS = 1.5
LONG = 6_000_000  # rows
CASES: list[tuple[str, str, Make, int, float]] = [
    ("trades", "Tardis trades CSV.gz", trades, 1_000_000, 1e6),
    ("book_snapshot_25", "Tardis book_snapshot_25 CSV.gz, ten levels", snapshots, 200_000, 150e3),
    ("incremental_book_L2", "incremental L2 → books, 45 rows a stamp", updates(45), 1_000_000, 500e3),
    ("incremental_book_L2", "incremental L2 → books, 1 row a stamp", updates(1), 500_000, 500e3),
]


def measure() -> list[Row]:
    """Rows a second of each dataset, and peak memory of two long files."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (data_type, work, make, rows, target) in enumerate(CASES):
            path = write(Path(folder) / f"{number}.csv.gz", rows, make)
            ours, peers = (
                min(_run(how, data_type, path)["seconds"] for _ in range(3)) for how in ("ours", "polars")
            )
            found.append(_rate(work, rows, target, ours, peers))
            path.unlink()
        for data_type, make in (("trades", trades), ("incremental_book_L2", updates(45))):
            path = write(Path(folder) / "long.csv.gz", LONG, make)
            found.append(
                _memory(
                    data_type,
                    _run("ours", data_type, path)["bytes"],
                    _run("polars", data_type, path)["bytes"],
                )
            )
    return found


def _rate(work: str, rows: int, target: float, ours: float, peers: float) -> Row:
    return {
        "work": work,
        "ours": f"{rows / ours / 1e3:,.0f} k rows/s",
        "peer": "polars' typed read of the file",
        "peers": f"{rows / peers / 1e3:,.0f} k rows/s",
        "ratio": ours / peers,
        "budget": f"≥ {target / 1e3:,.0f} k rows/s or ≤ {OR_POLARS} × its time",
        "within": rows / ours >= target or ours <= OR_POLARS * peers,
    }


def _memory(data_type: str, ours: float, peers: float) -> Row:
    return {
        "work": f"peak memory of streaming {LONG / 1e6:g} M rows of {data_type}",
        "ours": f"{ours / 2**20:,.0f} MiB",
        "peer": "polars' read of the file",
        "peers": f"{peers / 2**20:,.0f} MiB",
        "ratio": ours / MEMORY,
        "budget": "≤ 2 GiB",
        "within": ours <= MEMORY,
    }


def _run(how: str, data_type: str, path: Path) -> dict[str, float]:
    environment = {**os.environ, "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.benchmarks.tardis_once", how, data_type, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout)
    return found
