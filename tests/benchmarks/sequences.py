"""Sequence datasets: opening one, and shuffled windows against a plain contiguous copy and against Qlib."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from pipelines.sequences.matrix import open_npy
from pipelines.sequences.torch_windows import WindowDataset
from pipelines.sequences.windows import Windows
from tests.benchmarks import against_qlib, opening
from tests.benchmarks.measure import Row, at_least, best

ROWS, FEATURES, BARS, BATCH = 1_000_000, 53, 500, 64
BATCHES = 40  # copied in one timing
ROUNDS = 30


def measure() -> list[Row]:
    """The rows of the table; about 15 s and 250 MB of temporary disk."""
    with tempfile.TemporaryDirectory() as folder:
        matrix, ends = _dataset(Path(folder))
        opened = opening.measure(Path(folder))
        return [*opened, _windows(matrix, ends), _torch_batches(matrix, ends), *against_qlib.measure()]


def _dataset(folder: Path) -> tuple[Path, Path]:
    values = np.random.default_rng(0).normal(size=(ROWS, FEATURES)).astype(np.float32)
    matrix = opening.stored(folder, values)
    (ends,) = (
        path for path in (folder / "indexes").iterdir() if np.load(path, mmap_mode="r").dtype == np.int64
    )
    return matrix, ends


def _windows(matrix_path: Path, ends_path: Path) -> Row:
    """Both sides read the mapped file and fill their own buffer again and again."""
    windows = Windows(open_npy(matrix_path), np.load(ends_path), BARS)
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

    best(ours, peer, runs=1)  # unmeasured: maps the pages
    ours_s, peer_s = best(ours, peer, runs=ROUNDS)
    work = f"{BATCHES * BATCH:,} shuffled windows {BARS}×{FEATURES}"
    return at_least(0.8, work, ours_s, "contiguous copy of the bytes", peer_s)


def _torch_batches(matrix_path: Path, ends_path: Path) -> Row:
    """Both sides are torch's own threads and make a fresh batch each time."""
    windows = Windows(open_npy(matrix_path), np.load(ends_path), BARS)
    dataset = WindowDataset(windows, np.zeros(len(windows), dtype=np.int64))
    rng = np.random.default_rng(1)
    picks = rng.integers(0, len(windows), size=(BATCHES, BATCH))
    starts = rng.integers(0, ROWS - BATCH * BARS, size=BATCHES)
    matrix = torch.tensor(np.asarray(windows.matrix))

    def ours() -> None:
        for pick in picks:
            dataset[pick]

    def peer() -> None:
        for start in starts:
            matrix[start : start + BATCH * BARS].clone()

    best(ours, peer, runs=1)  # unmeasured: maps the pages
    ours_s, peer_s = best(ours, peer, runs=ROUNDS)
    work = f"{BATCHES * BATCH:,} shuffled windows {BARS}×{FEATURES} as torch batches"
    return at_least(0.8, work, ours_s, "torch's contiguous copy of the bytes", peer_s)
