"""From raw feature windows to what a network reads: encode, then scale. No network lives here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.features import encoding
from pipelines.features.sets import features_named
from pipelines.sequences import scaling
from pipelines.sequences.windows import Windows

CHUNK = 64  # windows encoded at once: 64 × 800 × 53 float64 are 22 MB


@dataclass(frozen=True)
class Inputs:
    """Encoding and scaler of one bundle."""

    names: tuple[str, ...]
    scaler: scaling.Scaler

    def __call__(self, raw: NDArray[np.floating]) -> NDArray[np.float32]:
        """Network inputs (B, T, F) float32 of raw windows (B, T, F)."""
        return self.scaler.apply(encoding.windows(raw, self.names))


def encodings(names: Sequence[str]) -> dict[str, str]:
    """The encoding of each feature by name, from the live catalogue."""
    return {feature.name: feature.encoding for feature in features_named(names)}


def tabular(raw: NDArray[np.floating], names: Sequence[str]) -> NDArray[np.float64]:
    """Encoded rows (N, F) float64 of raw windows of one bar (N, 1, F)."""
    frame = pl.DataFrame({name: raw[:, 0, column] for column, name in enumerate(names)})
    return encoding.tabular(frame, names)


def fit_scaler(
    parts: Sequence[Windows], names: Sequence[str], windows: int, positions: int, seed: int
) -> scaling.Scaler:
    """A scaler fitted on encoded training windows of all `parts` (one per symbol), at all positions.

    `windows`: how many are sampled in all (every one when there are fewer). Each is encoded whole and gives
    `positions` of its T rows, so the sample is (windows × positions, F).
    """
    rng = np.random.default_rng(seed)
    total = sum(len(part) for part in parts)
    rows: list[NDArray[np.floating]] = []
    for part in parts:
        wanted = min(len(part), round(windows * len(part) / max(1, total)))
        chosen = np.sort(rng.choice(len(part), size=wanted, replace=False))
        for first in range(0, wanted, CHUNK):
            block = encoding.windows(part.batch(chosen[first : first + CHUNK]), names)
            at = rng.integers(0, part.bars, size=(block.shape[0], positions))
            rows.append(block[np.arange(block.shape[0])[:, None], at].reshape(-1, block.shape[2]))
    flags = [feature.name for feature in features_named(names) if feature.flag]
    return scaling.fit(np.concatenate(rows), names, flags)
