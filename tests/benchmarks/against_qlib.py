"""Shuffled windows against Qlib's TSDataSampler, which runs in the benchmark's own environment.

Qlib builds its index row by row, so both sides get a matrix of 100,000 rows here instead of a million.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from pipelines.errors import BadData
from pipelines.sequences.matrix import open_npy
from pipelines.sequences.windows import Windows
from tests.benchmarks.measure import Row, at_least, best, blocked

PYTHON = Path(".bench/venv/bin/python")
SCRIPT = Path(__file__).parent / "peers" / "qlib_windows.py"
ROWS, FEATURES, BARS, BATCH, BATCHES, ROUNDS = 100_000, 53, 500, 64, 20, 9
FASTER = 10.0
WORK = f"shuffled batches of {BATCH} windows {BARS}×{FEATURES}, {BATCHES} of them, {ROWS:,} rows"


def measure() -> list[Row]:
    """One row; blocked when .bench/venv has no Qlib. Both sides must give the same windows, to the bit."""
    with tempfile.TemporaryDirectory() as folder:
        matrix, picks = Path(folder) / "matrix.npy", Path(folder) / "picks.npy"
        np.save(matrix, np.random.default_rng(0).normal(size=(ROWS, FEATURES)).astype(np.float32))
        np.save(picks, np.random.default_rng(1).integers(0, ROWS - BARS + 1, (BATCHES, BATCH)))
        try:
            peer = _qlib(matrix, picks)
        except (OSError, subprocess.SubprocessError) as error:
            why = f"{PYTHON} cannot run it ({_last_line(error)}); make bench installs it"
            return [blocked(WORK, "Qlib TSDataSampler", why, f"≥ {FASTER:g} × its speed")]
        return [_row(peer, open_npy(matrix), np.load(picks))]


def _qlib(matrix: Path, picks: Path) -> dict[str, str | float]:
    command = [str(PYTHON), "-W", "ignore", str(SCRIPT), str(matrix), str(picks), str(BARS), str(ROUNDS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    found: dict[str, str | float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _row(peer: dict[str, str | float], matrix: np.ndarray, picks: np.ndarray) -> Row:
    windows = Windows(matrix, np.arange(BARS - 1, ROWS), BARS)
    buffer = windows.buffer(BATCH)
    (ours,) = best(lambda: [windows.batch(pick, buffer) for pick in picks], runs=2 * ROUNDS)
    checksum = float(windows.batch(picks[0], buffer).sum(dtype=np.float64))
    if checksum != peer["checksum"]:
        raise BadData(f"Qlib's first batch must sum to ours, {checksum}, found {peer['checksum']}.")
    name = f"Qlib {peer['qlib']} TSDataSampler, its faster way ({peer['interface']})"
    return at_least(FASTER, WORK, ours, name, float(peer["seconds"]))


def _last_line(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    return (said or str(error)).strip().splitlines()[-1]
