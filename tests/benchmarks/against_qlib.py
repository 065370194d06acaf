"""Shuffled windows of three symbols against Qlib's TSDataSampler, which runs in the benchmark's own environment.

The work is that of `reference/peers.md` §4b: a million minutes of three symbols, 53 columns of float32, windows of 500.
Ours are batches of WindowDataset, gathered by torch's threads. Their bytes alone, copied contiguously by the same
threads (sequences.py), take about an eighth of Qlib's "one by one, stacked": nothing that copies can be much faster.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadData
from pipelines.sequences.matrix import open_npy
from pipelines.sequences.torch_windows import WindowDataset
from pipelines.sequences.windows import Windows
from tests.benchmarks.measure import Row, at_least, best, blocked

PYTHON = Path(".bench/venv/bin/python")
SCRIPT = Path(__file__).parent / "peers" / "qlib_windows.py"
SYMBOLS, ROWS, FEATURES, BARS, BATCH, BATCHES, ROUNDS = 3, 1_000_000, 53, 500, 64, 40, 7
FASTER = 10.0
WORK = f"{BATCHES * BATCH:,} shuffled windows {BARS}×{FEATURES}, {SYMBOLS} × {ROWS:,} rows"
ASKED = {"list": "batch by a list", "stacked": "one by one, stacked"}  # the second is what a DataLoader does


def measure() -> list[Row]:
    """A row for each way to ask Qlib for a batch; blocked when .bench/venv has no Qlib."""
    with tempfile.TemporaryDirectory() as folder:
        matrix, picks = Path(folder) / "matrix.npy", Path(folder) / "picks.npy"
        values = np.random.default_rng(0).normal(size=(SYMBOLS * ROWS, FEATURES)).astype(np.float32)
        np.save(matrix, values)
        np.save(picks, np.random.default_rng(1).choice(_ends(), (BATCHES, BATCH)))
        try:
            peer = _qlib(matrix, picks)
        except (OSError, subprocess.SubprocessError) as error:
            why = f"{PYTHON} cannot run it ({_last_line(error)}); make bench installs it"
            return [blocked(WORK, "Qlib TSDataSampler", why, f"≥ {FASTER:g} × its speed")]
        return _rows(peer, open_npy(matrix), np.load(picks))


def _qlib(matrix: Path, picks: Path) -> dict[str, Any]:
    asked = [str(matrix), str(SYMBOLS), str(picks), str(BARS), str(ROUNDS)]
    command = [str(PYTHON), "-W", "ignore", str(SCRIPT), *asked]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _rows(peer: dict[str, Any], matrix: NDArray[np.float32], picks: NDArray[np.int64]) -> list[Row]:
    """Both sides must give the same windows, to the bit, before their seconds mean anything."""
    ends = _ends()
    windows, numbers = Windows(matrix, ends, BARS), np.searchsorted(ends, picks)
    dataset = WindowDataset(windows, np.zeros(len(windows), dtype=np.int64))

    def gather() -> None:
        for number in numbers:
            dataset[number]

    (ours,) = best(gather, runs=2 * ROUNDS)
    checksum = float(dataset[numbers[0]][0].numpy().sum(dtype=np.float64))
    if checksum != peer["checksum"]:
        raise BadData(f"Qlib's first batch must sum to ours, {checksum}, found {peer['checksum']}.")
    return [
        at_least(FASTER, WORK, ours, f"Qlib {peer['qlib']}, {asked}", peer["seconds"][key])
        for key, asked in ASKED.items()
    ]


def _ends() -> NDArray[np.int64]:
    """Rows that end a window inside one symbol."""
    rows = np.arange(SYMBOLS * ROWS)
    return rows[rows % ROWS >= BARS - 1]


def _last_line(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    return (said or str(error)).strip().splitlines()[-1]
