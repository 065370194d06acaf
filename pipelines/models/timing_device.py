"""Encoding and scaling on a device, and the batches of a training loop that never leave it.

The rules are those of pipelines/features/encoding.py and pipelines/sequences/scaling.py, written for torch; a law
holds both against each other for every feature: |Δ| ≤ 2e-6 + 2e-6·|x| of an encoded value, and that over its scale of a
scaled one. Only log1p and sums over a window round differently. The loop is timing_loop.py.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipelines.errors import BadSettings
from pipelines.features.sets import features_named
from pipelines.models.inputs import CHUNK, Inputs
from pipelines.sequences.scaling import LIMIT
from pipelines.sequences.torch_windows import DeviceWindows, to_device
from pipelines.sequences.windows import Windows

SIZES = ("trade_size_mean", "trade_size_std")
"""Scaled by the mean trade of the window; other `scaled` columns by `volume_ma` at its last bar."""
ENCODINGS = ("none", "log1p", "anchored", "relative", "scaled")


def require_device(device: str) -> None:
    """Raises BadSettings when torch has no such device here."""
    if device == "cuda" and not torch.cuda.is_available():
        raise BadSettings(
            "training.timing.loop.device is 'cuda', expected a device that torch can use, found no CUDA device; set it "
            "to 'cpu'."
        )


class DeviceInputs:
    """What `Inputs` does, on a device: network inputs (B, T, F) of raw windows (B, T, F)."""

    def __init__(self, inputs: Inputs, device: str) -> None:
        self._names = list(inputs.names)
        columns: dict[str, list[int]] = {name: [] for name in ENCODINGS}
        for at, feature in enumerate(features_named(inputs.names)):
            columns[feature.encoding].append(at)
        self._columns = {name: torch.tensor(at, device=device) for name, at in columns.items() if at}
        self._centre = torch.tensor(inputs.scaler.centre, dtype=torch.float32, device=device)
        self._scale = torch.tensor(inputs.scaler.scale, dtype=torch.float32, device=device)

    def __call__(self, raw: torch.Tensor) -> torch.Tensor:
        """Encoded, centred, scaled and clipped."""
        return ((self.encoded(raw) - self._centre) / self._scale).clamp(-LIMIT, LIMIT)

    def encoded(self, raw: torch.Tensor) -> torch.Tensor:
        """Encoded windows (B, T, F), group by group of columns with one encoding."""
        out = raw.clone()
        for name, at in self._columns.items():
            if name != "none":
                out[:, :, at] = self._encode(name, raw, at)
        return out

    def _encode(self, name: str, raw: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        values = raw[:, :, at]  # (B, T, columns of this encoding)
        if name == "log1p":
            return torch.log1p(values)
        if name == "scaled":
            scale = self._scale_of(raw, at)  # (B, 1, columns)
            return torch.where(scale == 0.0, 0.0, torch.log1p(values / scale))
        close = self._column(raw, "close")[:, :, None]
        return values / close[:, -1:] - 1.0 if name == "anchored" else values / close

    def _scale_of(self, raw: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        names = [self._names[column] for column in at.tolist()]
        scales = [self._mean_trade(raw) if name in SIZES else self._last_volume(raw) for name in names]
        return torch.stack(scales, dim=-1)

    def _last_volume(self, raw: torch.Tensor) -> torch.Tensor:
        return self._column(raw, "volume_ma")[:, -1:]

    def _mean_trade(self, raw: torch.Tensor) -> torch.Tensor:
        """Σ size/Σ trades over each window, (B, 1); 0 without a trade."""
        trades = self._column(raw, "trade_intensity")
        total = trades.sum(dim=1, keepdim=True)
        size = (self._column(raw, "trade_size_mean") * trades).sum(dim=1, keepdim=True)
        return torch.where(total == 0.0, 0.0, size / total)

    def _column(self, raw: torch.Tensor, name: str) -> torch.Tensor:
        return raw[:, :, self._names.index(name)]


class Resident:
    """The windows of some symbols on a device, batch by batch; each matrix is moved there once."""

    def __init__(
        self, parts: Sequence[tuple[Windows, NDArray[np.int64]]], inputs: Inputs, matrices: Mapping[int, Any]
    ) -> None:
        """`parts`: windows and classes a symbol; `matrices`: by the id of the host's array, as `moved` gives them."""
        self._windows = [DeviceWindows(matrices[id(w.matrix)], w.ends, w.bars) for w, _ in parts]
        self._device = next(iter(matrices.values())).device
        self._classes = [torch.tensor(classes, device=self._device) for _, classes in parts]
        self._inputs = DeviceInputs(inputs, self._device)

    def batches(
        self, numbers: Iterable[Sequence[NDArray[np.int64]]]
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Network inputs (B, T, F) and classes (B,) of each batch over the symbols."""
        for batch in numbers:
            held = list(zip(self._windows, self._classes, batch, strict=True))
            raw = torch.cat([windows.batch(which) for windows, _, which in held])
            known = [classes[torch.tensor(which, device=self._device)] for _, classes, which in held]
            yield self._inputs(raw), torch.cat(known)

    def logits(self, network: Any) -> NDArray[np.float64]:
        """Logits (W, 3) of all windows in their order, without dropout."""
        found = [np.zeros((0, 3))]
        network.eval()
        with torch.inference_mode():
            for windows in self._windows:
                for first in range(0, len(windows), CHUNK):
                    which = np.arange(first, min(first + CHUNK, len(windows)))
                    found.append(network(self._inputs(windows.batch(which))).double().cpu().numpy())
        return np.concatenate(found)


def moved(matrices: Iterable[NDArray[np.float32]], device: str) -> dict[int, torch.Tensor]:
    """Each of these arrays on a device, once, by the id of the host's array."""
    once = {id(matrix): matrix for matrix in matrices}
    return {name: to_device(matrix, device) for name, matrix in once.items()}
