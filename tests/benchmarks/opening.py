"""Opening a sequence dataset as it is stored: seconds and new memory, in a process of its own so that nothing is warm.

Run as `python -m tests.benchmarks.opening folder` it opens the dataset of SYMBOL and WINDOW there and prints both as
JSON; its matrix, ends and labels are mapped, and the ends are looked at once.
"""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.features import feature_set
from pipelines.sequences.manifest import describe
from pipelines.sequences.matrix import content_hash
from pipelines.sequences.specs import spec
from resources.datasets import Datasets
from resources.lake import Receipt
from tests.benchmarks.measure import Row, at_most

PAGE = 4096  # bytes
SYMBOL, WINDOW = "BTC-USD", "seq500"
MADE_FROM = Receipt("features", 1, 1, None, None, "0" * 64, ())
START = datetime(2024, 1, 1, tzinfo=UTC)


def stored(folder: Path, values: NDArray[np.float32]) -> Path:
    """A dataset of the matrix (N, 53) in `folder`, a window at every row that can end one; the file of the matrix."""
    window, n = spec(WINDOW), values.shape[0]
    opened = pl.datetime_range(START, START + timedelta(minutes=n - 1), "1m", eager=True, time_unit="us")
    labels = np.random.default_rng(2).integers(0, 3, n)
    rows = pl.DataFrame({"open_time": opened, "row": np.arange(n), "label": pl.Series(labels, dtype=pl.Int8)})
    rows = rows.slice(window.bars - 1).with_columns(
        known_until=pl.col("open_time") + timedelta(minutes=window.horizon + 2), fold=pl.lit("train")
    )
    hashed = {SYMBOL: content_hash(values)}
    manifest = describe({SYMBOL: rows}, {SYMBOL: n}, window, window.horizon, feature_set("v5"), hashed)
    return Datasets(folder).save(SYMBOL, manifest, values, rows, MADE_FROM, MADE_FROM)


def measure(folder: Path) -> list[Row]:
    """At most a second, at most 5 % of the matrix as new memory, stored without more than 10 % overhead."""
    command = [sys.executable, "-m", "tests.benchmarks.opening", str(folder)]
    opened = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    share, held = opened["grown"] / opened["size"], size / opened["size"]
    memory: Row = {
        "work": "new memory of opening it",
        "ours": f"{opened['grown'] / 1e6:.1f} MB",
        "peer": f"its matrix, stored as {held:.2f} ×",
        "peers": f"{opened['size'] / 1e6:.0f} MB",
        "ratio": share,
        "budget": "≤ 0.05 × it, ≤ 1.1 × stored",
        "within": share <= 0.05 and held <= 1.1,
    }
    work = f"open a dataset of {opened['windows']:,} windows"
    return [at_most(1.0, work, opened["seconds"], "limit", 1.0), memory]


def main(folder: str) -> None:
    """Open the dataset once, and print what it cost."""
    before, started = _resident(), time.perf_counter()
    held = Datasets(Path(folder)).open(SYMBOL, WINDOW)
    windows = held.windows
    cost = {"seconds": time.perf_counter() - started, "grown": _resident() - before}
    print(json.dumps({**cost, "size": windows.matrix.nbytes, "windows": len(windows)}))


def _resident() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


if __name__ == "__main__":
    main(*sys.argv[1:])
