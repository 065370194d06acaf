"""The training loop of the recipe `timing`: shuffled epochs, early stop. No split and no sealing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.models.candidate import Progress
from pipelines.models.inputs import CHUNK, Inputs
from pipelines.models.probabilities import Calibrator, fit_calibrator, log_loss, shares_of, softmax
from pipelines.models.timing_split import shuffled
from pipelines.sequences.windows import Windows


@dataclass(frozen=True)
class LoopConfig:
    """How the network is trained."""

    epochs: int = 3
    batch: int = 64  # windows
    learning_rate: float = 3e-4  # peak of a one-cycle schedule
    weight_decay: float = 0.05
    width: int = 64  # of a token
    layers: int = 2
    heads: int = 4
    dropout: float = 0.2
    tokens: int = 30  # at most this many patches a window
    seed: int = 7
    threads: int = 1  # of torch; two on a busy machine wait for each other ten times as long

    def patch(self, bars: int) -> int:
        """Bars in a patch: the smallest divisor of the window that leaves at most `tokens` patches."""
        return next(p for p in range(1, bars + 1) if bars % p == 0 and bars // p <= self.tokens)

    def architecture(self, bars: int, features: int) -> dict[str, Any]:
        """What rebuilds the network."""
        return {
            "bars": bars,
            "features": features,
            "patch": self.patch(bars),
            "width": self.width,
            "layers": self.layers,
            "heads": self.heads,
            "dropout": self.dropout,
        }


@dataclass(frozen=True)
class Part:
    """The windows of one symbol in one part of the split, with their classes (W,)."""

    windows: Windows
    classes: NDArray[np.int64]


@dataclass(frozen=True)
class Trained:
    """A trained network as bytes, with its calibration and the losses of every epoch."""

    weights: bytes
    architecture: dict[str, Any]
    calibrator: Calibrator
    shares: tuple[float, ...]  # of the classes in training: the climatology
    epochs: list[dict[str, float]]  # train, validation and climatology loss, nats


def train(
    training: Sequence[Part],
    validation: Sequence[Part],
    inputs: Inputs,
    config: LoopConfig,
    progress: Progress,
) -> Trained:
    """Train on shuffled batches of all symbols, keep the best epoch in validation, fit the temperature.

    The untrained network (the climatology) counts as epoch 0, so a network that learns nothing is left
    untrained.
    """
    from pipelines.models import patch_transformer as torch_file

    example = training[0].windows
    architecture = config.architecture(example.bars, example.matrix.shape[1])
    shares = shares_of(np.concatenate([part.classes for part in training]))
    network = torch_file.build(architecture, shares, config.seed)
    counts = [len(part.windows) for part in training]
    steps = config.epochs * -(-sum(counts) // config.batch)
    trainer = torch_file.Trainer(
        network, config.learning_rate, config.weight_decay, steps, config.threads, config.seed
    )
    known = np.concatenate([part.classes for part in validation])
    held_back = [part.windows for part in validation]
    climatology = log_loss(np.tile(shares, (known.size, 1)), known)
    best, keep, epochs = climatology, trainer.snapshot(), []
    rng = np.random.default_rng(config.seed)
    done = 0
    for epoch in range(config.epochs):
        losses = []
        for batch in shuffled(counts, config.batch, rng):
            losses.append(trainer.step(*_gather(training, batch, inputs)))
            done += 1
            progress(f"epoch {epoch + 1} of {config.epochs}, loss {losses[-1]:.4f}", 0.9 * done / steps)
        seen = log_loss(softmax(forward(network, held_back, inputs, config.threads)), known)
        epochs.append({"train": float(np.mean(losses)), "validation": seen, "climatology": climatology})
        if seen < best:
            best, keep = seen, trainer.snapshot()
    keep()
    calibrator = fit_calibrator(forward(network, held_back, inputs, config.threads), known, shares)
    return Trained(torch_file.to_bytes(network), architecture, calibrator, shares, epochs)


def forward(network: Any, parts: Sequence[Windows], inputs: Inputs, threads: int) -> NDArray[np.float64]:
    """Logits (W, 3) of the windows of all parts, in their order.

    In batches of `CHUNK`, which stay in the processor's cache while they are encoded: batches of 256 windows
    of 800 bars take twice as long a window.
    """
    from pipelines.models.patch_transformer import logits

    found = [np.zeros((0, 3))]
    for part in parts:
        for first in range(0, len(part), CHUNK):
            which = np.arange(first, min(first + CHUNK, len(part)))
            found.append(logits(network, inputs(part.batch(which)), threads))
    return np.concatenate(found)


def _gather(
    parts: Sequence[Part], batch: Sequence[NDArray[np.int64]], inputs: Inputs
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Network inputs (B, T, F) and classes (B,) of one batch over the symbols."""
    raw = np.concatenate([part.windows.batch(which) for part, which in zip(parts, batch, strict=True)])
    classes = np.concatenate([part.classes[which] for part, which in zip(parts, batch, strict=True)])
    return inputs(raw), classes
