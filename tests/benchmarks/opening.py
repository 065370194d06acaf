"""Opening a sequence dataset: seconds and new memory, in a process of its own so that nothing is warm or reused.

Run as `python -m tests.benchmarks.opening matrix.npy ends.npy bars` it prints both as JSON.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from pipelines.sequences.matrix import open_npy
from pipelines.sequences.windows import Windows
from tests.benchmarks.measure import Row, at_most

PAGE = 4096  # bytes


def measure(matrix: Path, ends: Path, bars: int) -> list[Row]:
    """At most a second, at most 5 % of the matrix as new memory, stored without more than 10 % overhead."""
    command = [sys.executable, "-m", "tests.benchmarks.opening", str(matrix), str(ends), str(bars)]
    opened = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    share, stored = opened["grown"] / opened["size"], matrix.stat().st_size / opened["size"]
    memory: Row = {
        "work": "new memory of opening it",
        "ours": f"{opened['grown'] / 1e6:.1f} MB",
        "peer": f"its matrix, stored as {stored:.2f} ×",
        "peers": f"{opened['size'] / 1e6:.0f} MB",
        "ratio": share,
        "budget": "≤ 0.05 × it, ≤ 1.1 × stored",
        "within": share <= 0.05 and stored <= 1.1,
    }
    work = f"open a dataset of {opened['windows']:,} windows"
    return [at_most(1.0, work, opened["seconds"], "limit", 1.0), memory]


def main(matrix: str, ends: str, bars: str) -> None:
    """Open the dataset once, and print what it cost."""
    before, started = _resident(), time.perf_counter()
    windows = Windows(open_npy(Path(matrix)), np.load(ends), int(bars))
    cost = {"seconds": time.perf_counter() - started, "grown": _resident() - before}
    print(json.dumps({**cost, "size": windows.matrix.nbytes, "windows": len(windows)}))


def _resident() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


if __name__ == "__main__":
    main(*sys.argv[1:])
