"""Windows for torch: a Dataset for any DataLoader, and windows gathered on a device from the matrix itself.

Neither copies all windows: a Dataset reads one at a time from the mapped matrix, or a batch of them, and a device holds
the matrix once. Values are raw; encoding and scaling on a device are pipelines/models/timing_device.py.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from pipelines.errors import BadData
from pipelines.sequences.matrix import open_npy
from pipelines.sequences.windows import Windows

MOVED = 65_536
"""Rows that are moved to a device at once: the host never holds a second copy of a mapped matrix."""


class WindowDataset(Dataset):  # type: ignore[misc]  # mypy skips torch: its base is Any
    """Windows (T, F) float32 with their labels; several symbols are torch's own ConcatDataset of these.

    A worker that is started afresh maps the matrix's file again instead of receiving its bytes.
    """

    def __init__(self, windows: Windows, labels: NDArray[np.integer]) -> None:
        if labels.shape != (len(windows),):
            raise BadData(
                f"labels must be one a window, ({len(windows)},), found shape {labels.shape}; take both from one index."
            )
        self.windows = windows
        self.labels = labels.astype(np.int64)
        self._every = _every(windows)

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, which: int | Sequence[int]) -> tuple[torch.Tensor, int | torch.Tensor]:
        """Window number `which` (T, F), the bits of `Windows.batch`, and its label.

        Asked for a list of numbers (B,) it gives them as one (B, T, F) and their labels (B,), gathered by torch's own
        threads: that is what `whole_batches` asks for, and several times as fast as one by one.
        """
        numbers = np.asarray(which)
        if numbers.size and numbers.dtype.kind not in "iu":
            raise BadData(
                f"windows are asked for by whole numbers, found {numbers.dtype}; pass an int or a list of them."
            )
        if numbers.ndim:
            return self._batch(numbers.astype(np.int64))
        return torch.from_numpy(self.windows.batch(numbers[None])[0]), int(self.labels[numbers])

    def _batch(self, which: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        first = torch.from_numpy(self.windows.ends[which] - (self.windows.bars - 1))
        shape = (which.size, self.windows.bars, self.windows.matrix.shape[1])
        return self._every.index_select(0, first).view(shape), torch.from_numpy(self.labels[which])

    def __getstate__(self) -> dict[str, Any]:
        return {"matrix": _by_path(self.windows.matrix), "ends": self.windows.ends, "bars": self.windows.bars,
                "labels": self.labels}  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        matrix = state["matrix"]
        matrix = open_npy(matrix) if isinstance(matrix, Path) else matrix
        self.__init__(Windows(matrix, state["ends"], state["bars"]), state["labels"])  # type: ignore[misc]


def whole_batches(
    dataset: WindowDataset,
    size: int,
    *,
    shuffle: bool,
    generator: torch.Generator | None = None,
    workers: int = 0,
) -> DataLoader:
    """A DataLoader over (inputs (B, T, F), labels (B,)) of one symbol that asks the dataset for each batch at once.

    generator : of the order when it is shuffled; workers : processes that gather, as DataLoader's num_workers
    """
    order = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
    batches = BatchSampler(order, size, drop_last=False)
    return DataLoader(dataset, sampler=batches, batch_size=None, num_workers=workers, generator=generator)


class DeviceWindows:
    """Windows [end − T + 1, end] of a matrix that lies on a device, gathered there by index arithmetic."""

    def __init__(self, matrix: torch.Tensor, ends: NDArray[np.int64], bars: int) -> None:
        """`matrix`: (N, F) as `to_device` gives it; `ends`: (W,) rows of it."""
        self.matrix = matrix
        self.ends = torch.tensor(ends, device=matrix.device)
        self._back = torch.arange(1 - bars, 1, device=matrix.device)

    def __len__(self) -> int:
        return int(self.ends.shape[0])

    def batch(self, which: NDArray[np.int64]) -> torch.Tensor:
        """Windows numbered `which` (B,) as (B, T, F) on the device, the bits of `Windows.batch`."""
        chosen = torch.tensor(which, device=self.ends.device)
        return self.matrix[self.ends[chosen][:, None] + self._back]


def _every(windows: Windows) -> torch.Tensor:
    """Every run of T rows as a row of T·F numbers, (N − T + 1, T·F), over the matrix's own memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a mapped matrix cannot be written; it is only read
        matrix = torch.from_numpy(np.asarray(windows.matrix))
    rows, features = matrix.shape
    return matrix.as_strided((max(rows - windows.bars + 1, 0), windows.bars * features), (features, 1))


def to_device(matrix: NDArray[np.float32], device: str) -> torch.Tensor:
    """The matrix (N, F) float32 on a device, moved once and piece by piece."""
    moved = torch.empty(matrix.shape, dtype=torch.float32, device=device)
    for first in range(0, matrix.shape[0], MOVED):
        piece = matrix[first : first + MOVED]
        moved[first : first + piece.shape[0]] = torch.tensor(np.asarray(piece))
    return moved


def _by_path(matrix: NDArray[np.float32]) -> Path | NDArray[np.float32]:
    """The file of a mapped matrix where the array is all of it, else the array."""
    name = matrix.filename if isinstance(matrix, np.memmap) else None
    if name is None or open_npy(Path(name)).shape != matrix.shape:
        return np.asarray(matrix)
    return Path(name)
