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
        if not self.matrix.flags.c_contiguous or self.matrix.dtype != np.float32:
            raise BadData(
                f"the matrix of windows must be C-contiguous float32, found {self.matrix.dtype} with strides "
                f"{self.matrix.strides}; build it with pipelines.sequences.matrix."
            )
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

        Each window is one run of bytes of the matrix: copying runs through memory views costs less per window
        than slicing arrays, and far less than fancy indexing over B·T rows.
        """
        out = self.buffer(which.size) if out is None else out[: which.size]
        width = self.matrix.shape[1] * self.matrix.itemsize
        source, target = _bytes(self.matrix), _bytes(out)
        starts, length = (self.ends[which] - (self.bars - 1)) * width, self.bars * width
        order = np.argsort(starts)  # reading the file forwards is a few per cent faster
        for start, at in zip(starts[order].tolist(), (order * length).tolist(), strict=True):
            target[at : at + length] = source[start : start + length]
        return out


def _bytes(values: NDArray[np.float32]) -> memoryview:
    """The bytes of a C-contiguous array, without a copy."""
    return np.asarray(values).reshape(-1).view(np.uint8).data
