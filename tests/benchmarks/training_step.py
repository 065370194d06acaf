"""A training step with the real loader against the same step on one batch that is held in memory.

Both sides learn on network inputs. Ours gathers every batch shuffled from a mapped matrix, encodes and scales it, by
the very feed that training uses: a second thread does it while the network learns, so it needs a second core.
"""

import tempfile
from itertools import repeat
from pathlib import Path

import numpy as np

from pipelines.features import feature_set
from pipelines.models import patch_transformer
from pipelines.models.inputs import Inputs, fit_scaler
from pipelines.models.timing_feed import Mapped, Part
from pipelines.models.timing_loop import LoopConfig
from pipelines.sequences.matrix import open_npy, write_npy
from pipelines.sequences.windows import Windows
from tests.benchmarks.measure import Row, at_most, best

ROWS, BARS, STEPS, ROUNDS = 200_000, 500, 94, 5  # 94 steps are an epoch of 6,000 windows
LIMIT = 1.1
PRIOR = (0.3, 0.4, 0.3)


def measure() -> list[Row]:
    """One row; about 40 s and 50 MB of temporary disk."""
    with tempfile.TemporaryDirectory() as folder:
        return [_row(_feed(Path(folder)), LoopConfig())]


def _feed(folder: Path) -> Mapped:
    names, rng = feature_set("v5").names, np.random.default_rng(0)
    values = np.exp(0.1 * rng.normal(size=(ROWS, len(names)))).astype(np.float32)
    windows = Windows(open_npy(write_npy(folder, values)), np.arange(BARS - 1, ROWS), BARS)
    scaler = fit_scaler([windows], names, 500, 8, 7)
    return Mapped([Part(windows, rng.integers(0, 3, len(windows)))], Inputs(names, scaler), threads=1)


def _row(feed: Mapped, config: LoopConfig) -> Row:
    (part,) = feed.parts
    network = patch_transformer.build(
        config.architecture(BARS, part.windows.matrix.shape[1]), PRIOR, config.seed
    )
    steps = STEPS * (2 * ROUNDS + 2)
    trainer = patch_transformer.Trainer(
        network, config.learning_rate, config.weight_decay, steps, 1, config.seed
    )
    numbers = [
        [which] for which in np.random.default_rng(1).integers(0, len(part.windows), (STEPS, config.batch))
    ]
    held = feed.gather(numbers[0])

    def ours() -> None:
        for batch in feed.batches(numbers):
            trainer.step(*batch)

    def peer() -> None:
        for batch in repeat(held, STEPS):
            trainer.step(*batch)

    best(ours, peer, runs=1)  # unmeasured: maps the pages
    ours_s, peer_s = best(ours, peer, runs=ROUNDS)
    work = f"training step, {config.batch} windows {BARS}×{part.windows.matrix.shape[1]} from the loader"
    return at_most(LIMIT, work, ours_s / STEPS, "one batch held in memory", peer_s / STEPS)
