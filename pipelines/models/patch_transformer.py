"""The one file that is torch: a small transformer over patches of a window, its bytes, one training step.

The loop, the split and the cap of windows are in timing.py and timing_loop.py.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from pipelines.errors import BadBundle


class PatchTransformer(nn.Module):  # type: ignore[misc]  # mypy skips torch: its base is Any
    """Class logits of windows: T bars are cut into T/P patches of P bars, each one token.

    Patches as in PatchTST (Nie et al. 2023), all features of a patch in one token; a last token holds the
    window's last bar whole and is the one that is read. Inputs are anchored at that bar by their encoding,
    so no instance norm.
    """

    def __init__(
        self, bars: int, features: int, patch: int, width: int, layers: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        if bars % patch:
            raise ValueError(f"patch must divide the window of {bars} bars, found {patch}")
        self.patch = patch
        self.embed = nn.Linear(patch * features, width)
        self.last_bar = nn.Linear(features, width)
        self.position = nn.Parameter(torch.randn(bars // patch + 1, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Dropout(dropout), nn.Linear(width, 3))
        nn.init.zeros_(self.head[2].weight)  # the untrained forecast is the head's bias: the climatology

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits (B, 3) of inputs (B, T, F)."""
        batch, bars, features = inputs.shape
        patches = inputs.reshape(batch, bars // self.patch, self.patch * features)  # (B, T/P, P·F)
        tokens = torch.cat([self.embed(patches), self.last_bar(inputs[:, -1:])], dim=1)  # (B, T/P + 1, D)
        mixed = self.encoder(tokens + self.position)  # (B, T/P + 1, D)
        logits: torch.Tensor = self.head(mixed[:, -1])  # (B, D) -> (B, 3)
        return logits


def build(architecture: dict[str, Any], prior: tuple[float, ...], seed: int) -> PatchTransformer:
    """A freshly initialised network whose first forecast is `prior`; the same seed gives the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = PatchTransformer(**architecture)
    with torch.no_grad():
        network.head[2].bias.copy_(torch.log(torch.tensor(prior)))
    return network


def to_bytes(network: PatchTransformer) -> bytes:
    """The weights as safetensors bytes."""
    return bytes(save({name: tensor.contiguous().cpu() for name, tensor in network.state_dict().items()}))


def from_bytes(content: bytes, architecture: dict[str, Any]) -> PatchTransformer:
    """The network of these weights, ready to forecast; BadBundle when the architecture disagrees."""
    try:
        network = PatchTransformer(**architecture)
        network.load_state_dict(load(content))
    except (RuntimeError, TypeError, ValueError, SafetensorError) as error:
        raise BadBundle(
            f"weights must fit the architecture {architecture}, found: {error}; train the bundle again."
        ) from error
    network.eval()
    return network


def logits(network: PatchTransformer, inputs: NDArray[np.float32], threads: int = 1) -> NDArray[np.float64]:
    """Logits (B, 3) float64 of network inputs (B, T, F), without dropout."""
    with _Threads(threads), torch.inference_mode():
        found = network.eval()(torch.from_numpy(np.ascontiguousarray(inputs)))
    return np.asarray(found.numpy(), dtype=np.float64)


class Trainer:
    """AdamW on the class log loss; the caller decides the batches and when to stop."""

    def __init__(
        self,
        network: PatchTransformer,
        learning_rate: float,
        weight_decay: float,
        steps: int,
        threads: int,
        seed: int,
    ) -> None:
        self.network = network
        self._threads = threads
        self._optimiser = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=weight_decay)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, learning_rate, total_steps=steps + 1
        )
        self._dropout = _Stream(seed, next(network.parameters()).device)

    def step(
        self, inputs: NDArray[np.float32] | torch.Tensor, classes: NDArray[np.int64] | torch.Tensor
    ) -> float:
        """One update on inputs (B, T, F) and classes (B,); returns the batch's loss in nats.

        Both are arrays, or tensors that lie where the network lies.
        """
        with _Threads(self._threads), self._dropout:
            self.network.train()
            loss = nn.functional.cross_entropy(self.network(_tensor(inputs)), _tensor(classes))
            self._optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self._optimiser.step()
            self._schedule.step()
        return float(loss.detach())

    def snapshot(self) -> Callable[[], None]:
        """Remembers the weights as they are; call the result to return to them."""
        kept = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}

        def restore() -> None:
            self.network.load_state_dict(kept)

        return restore


def _tensor(values: NDArray[Any] | torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(values) if isinstance(values, np.ndarray) else values


class _Stream:
    """Random numbers of its own inside a block: nothing outside changes the result, and nothing outside is changed."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._host = torch.Generator().manual_seed(seed).get_state()
        self._device = device if device.type == "cuda" else None
        if self._device is not None:
            self._there = torch.Generator(device).manual_seed(seed).get_state()

    def __enter__(self) -> None:
        self._fork = torch.random.fork_rng()
        self._fork.__enter__()
        torch.set_rng_state(self._host)
        if self._device is not None:
            torch.cuda.set_rng_state(self._there, self._device)

    def __exit__(self, *raised: object) -> None:
        self._host = torch.get_rng_state()
        if self._device is not None:
            self._there = torch.cuda.get_rng_state(self._device)
        self._fork.__exit__(*raised)


class _Threads:
    """torch's thread count inside a block, put back after it."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __enter__(self) -> None:
        self._before = torch.get_num_threads()
        if self._before != self._count:
            torch.set_num_threads(self._count)

    def __exit__(self, *_: object) -> None:
        if self._before != self._count:
            torch.set_num_threads(self._before)
