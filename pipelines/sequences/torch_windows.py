"""Windows for torch: a Dataset for any DataLoader, and windows gathered on a device from the matrix itself.

Neither copies the windows: a Dataset reads one window at a time from the mapped matrix, and a device holds the matrix
once. Values are raw; encoding and scaling on a device are pipelines/models/timing_device.py.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

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

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, which: int) -> tuple[torch.Tensor, int]:
        """Window number `which` (T, F), the bits of `Windows.batch`, and its label."""
        return torch.from_numpy(self.windows.batch(np.array([which]))[0]), int(self.labels[which])

    def __getstate__(self) -> dict[str, Any]:
        return {"matrix": _by_path(self.windows.matrix), "ends": self.windows.ends, "bars": self.windows.bars,
                "labels": self.labels}  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        matrix = state["matrix"]
        matrix = open_npy(matrix) if isinstance(matrix, Path) else matrix
        self.__init__(Windows(matrix, state["ends"], state["bars"]), state["labels"])  # type: ignore[misc]


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
