"""The training loop of the recipe `timing`: shuffled epochs, early stop. No split and no sealing.

What is read where is timing_feed.py: mapped matrices on the processor, or matrices that lie on a device.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pipelines.models.candidate import Progress
from pipelines.models.inputs import Inputs
from pipelines.models.probabilities import Calibrator, fit_calibrator, log_loss, shares_of, softmax
from pipelines.models.timing_feed import Part, feeds
from pipelines.models.timing_split import shuffled


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
    device: Literal["cpu", "cuda"] = "cpu"  # where it is trained; forecasts are made on the processor

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
    feed, held_back = feeds(training, validation, inputs, config.device, config.threads)
    network = torch_file.build(architecture, shares, config.seed).to(config.device)
    counts = [len(part.windows) for part in training]
    steps = config.epochs * -(-sum(counts) // config.batch)
    trainer = torch_file.Trainer(
        network, config.learning_rate, config.weight_decay, steps, config.threads, config.seed
    )
    known = np.concatenate([part.classes for part in validation])
    climatology = log_loss(np.tile(shares, (known.size, 1)), known)
    best, keep, epochs = climatology, trainer.snapshot(), []
    rng = np.random.default_rng(config.seed)
    done = 0
    for epoch in range(config.epochs):
        losses = []
        for batch in feed.batches(shuffled(counts, config.batch, rng)):
            losses.append(trainer.step(*batch))
            done += 1
            progress(f"epoch {epoch + 1} of {config.epochs}, loss {losses[-1]:.4f}", 0.9 * done / steps)
        seen = log_loss(softmax(held_back.logits(network)), known)
        epochs.append({"train": float(np.mean(losses)), "validation": seen, "climatology": climatology})
        if seen < best:
            best, keep = seen, trainer.snapshot()
    keep()
    calibrator = fit_calibrator(held_back.logits(network), known, shares)
    return Trained(torch_file.to_bytes(network), architecture, calibrator, shares, epochs)
