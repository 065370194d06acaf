"""Windows over a memory-mapped matrix: views without copies, and batches gathered into one buffer.

Which ends are valid is index.py's business; encoding and scaling happen per batch, elsewhere.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadData


@dataclass(frozen=True)
class Windows:
    """Windows [end − bars + 1, end] of a matrix. T = bars, F = features, W = windows."""

    matrix: NDArray[np.float32]  # (N, F), usually memory-mapped
    ends: NDArray[np.int64]  # (W,), rows of the matrix
    bars: int

    def __post_init__(self) -> None:
        rows = self.matrix.shape[0]
        if self.ends.size and not (self.bars - 1 <= self.ends.min() and self.ends.max() < rows):
            raise BadData(
                f"window ends must lie in [{self.bars - 1}, {rows - 1}], found {self.ends.min()} to "
                f"{self.ends.max()}; index the same features the matrix was built from."
            )

    def __len__(self) -> int:
        return int(self.ends.size)

    @property
    def every(self) -> NDArray[np.float32]:
        """Every run of `bars` rows as a view (N − T + 1, T, F) that shares the matrix's memory."""
        view = np.lib.stride_tricks.sliding_window_view(self.matrix, self.bars, axis=0)
        return view.transpose(0, 2, 1)

    def view(self, which: int) -> NDArray[np.float32]:
        """Window number `which` as a read-only view (T, F) that shares the matrix's memory."""
        end = int(self.ends[which])
        window = self.matrix[end - self.bars + 1 : end + 1]
        window.flags.writeable = False
        return window

    def buffer(self, size: int) -> NDArray[np.float32]:
        """An empty (size, T, F) float32 for `batch` to fill again and again: fresh pages are dear."""
        return np.empty((size, self.bars, self.matrix.shape[1]), dtype=np.float32)

    def batch(self, which: NDArray[np.int64], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Windows numbered `which` (B,) as one contiguous (B, T, F), in `out` when it is given.

        Each window is one contiguous run of the matrix, so B plain copies beat fancy indexing over B·T rows.
        """
        out = self.buffer(which.size) if out is None else out[: which.size]
        bars, matrix = self.bars, self.matrix
        for slot, end in enumerate(self.ends[which].tolist()):
            out[slot] = matrix[end - bars + 1 : end + 1]
        return out
