"""Sequence datasets: opening one, and shuffled windows against a plain contiguous copy and against Qlib."""

import tempfile
import time
from pathlib import Path

import numpy as np

from pipelines.sequences.matrix import open_npy, write_npy
from pipelines.sequences.windows import Windows
from tests.benchmarks import against_qlib
from tests.benchmarks.measure import Row, at_least, at_most, best

ROWS, FEATURES, BARS, BATCH = 1_000_000, 53, 500, 64
BATCHES = 40  # copied in one timing
REPEATS = 20


def measure() -> list[Row]:
    """The rows of the table; about 20 s and 250 MB of temporary disk."""
    with tempfile.TemporaryDirectory() as folder:
        matrix_path, ends_path = _dataset(Path(folder))
        rows = [*_opening(matrix_path, ends_path), _windows(matrix_path, ends_path)]
    return [*rows, *against_qlib.measure()]


def _dataset(folder: Path) -> tuple[Path, Path]:
    values = np.random.default_rng(0).normal(size=(ROWS, FEATURES)).astype(np.float32)
    ends_path = folder / "ends.npy"
    np.save(ends_path, np.arange(BARS - 1, ROWS, dtype=np.int64))
    return write_npy(folder, values), ends_path


def _open(matrix_path: Path, ends_path: Path) -> Windows:
    return Windows(open_npy(matrix_path), np.load(ends_path), BARS)


def _opening(matrix_path: Path, ends_path: Path) -> list[Row]:
    before, started = _resident(), time.perf_counter()
    windows = _open(matrix_path, ends_path)
    taken, grown = time.perf_counter() - started, _resident() - before
    size = windows.matrix.nbytes
    stored = matrix_path.stat().st_size / size
    return [
        at_most(1.0, f"open a dataset of {len(windows):,} windows {BARS}×{FEATURES}", taken, "1 second", 1.0),
        {
            "work": "new memory of opening it",
            "ours": f"{grown / 1e6:.1f} MB",
            "peer": f"its matrix, stored at {stored:.4f} of its size",
            "peers": f"{size / 1e6:.0f} MB",
            "ratio": grown / size,
            "budget": "≤ 0.05 × its size, stored ≤ 1.1 ×",
            "within": grown / size <= 0.05 and stored <= 1.1,
        },
    ]


def _windows(matrix_path: Path, ends_path: Path) -> Row:
    windows = _open(matrix_path, ends_path)
    rng = np.random.default_rng(1)
    picks = rng.integers(0, len(windows), size=(BATCHES, BATCH))
    starts = rng.integers(0, ROWS - BATCH * BARS, size=BATCHES)
    buffer, flat = windows.buffer(BATCH), np.empty((BATCH * BARS, FEATURES), dtype=np.float32)

    matrix = np.asarray(windows.matrix)

    def ours() -> None:
        for pick in picks:
            windows.batch(pick, buffer)

    def peer() -> None:
        for start in starts:
            np.copyto(flat, matrix[start : start + BATCH * BARS])

    ours(), peer()  # maps the pages
    ours_s, peer_s = best(ours, peer, runs=REPEATS)
    work = f"shuffled batches of {BATCH} windows {BARS}×{FEATURES}, {BATCHES} of them, {ROWS:,} rows"
    return at_least(0.8, work, ours_s, "contiguous copy of as many bytes", peer_s)


def _resident() -> int:
    """Resident bytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
