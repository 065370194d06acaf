"""What a training loop reads: batches of windows over symbols, ready for the network. Nothing is trained here.

On the processor the next batch is gathered and encoded by a second thread while the network learns from this one; the
values and their order do not depend on it. On a device the matrices lie there: timing_device.py.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.models.inputs import CHUNK, Inputs
from pipelines.sequences.windows import Windows

Numbers = Sequence[NDArray[np.int64]]
"""Window numbers of one batch, an array a symbol."""


@dataclass(frozen=True)
class Part:
    """The windows of one symbol in one part of the split, with their classes (W,)."""

    windows: Windows
    classes: NDArray[np.int64]


class Feed(Protocol):
    """Some symbols' windows as a network reads them."""

    def batches(self, numbers: Iterable[Numbers]) -> Iterator[tuple[Any, Any]]:
        """Network inputs (B, T, F) and classes (B,) of each batch, in their order."""

    def logits(self, network: Any) -> NDArray[np.float64]:
        """Logits (W, 3) of all windows, in the order of symbols and windows."""


@dataclass(frozen=True)
class Mapped:
    """Windows of mapped matrices, encoded on the processor."""

    parts: Sequence[Part]
    inputs: Inputs
    threads: int  # of torch

    def batches(self, numbers: Iterable[Numbers]) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """See Feed; one batch ahead of the caller."""
        waiting: Future[tuple[NDArray[np.float32], NDArray[np.int64]]] | None = None
        with ThreadPoolExecutor(1) as pool:
            for batch in numbers:
                following = pool.submit(self.gather, batch)
                if waiting is not None:
                    yield waiting.result()
                waiting = following
            if waiting is not None:
                yield waiting.result()

    def gather(self, batch: Numbers) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Network inputs (B, T, F) and classes (B,) of one batch over the symbols."""
        held = list(zip(self.parts, batch, strict=True))
        raw = np.concatenate([part.windows.batch(which) for part, which in held])
        return self.inputs(raw), np.concatenate([part.classes[which] for part, which in held])

    def logits(self, network: Any) -> NDArray[np.float64]:
        """See Feed."""
        return forward(network, [part.windows for part in self.parts], self.inputs, self.threads)


def feeds(
    training: Sequence[Part], validation: Sequence[Part], inputs: Inputs, device: str, threads: int
) -> tuple[Feed, Feed]:
    """What is trained on and what is held back; raises BadSettings for a device that is not there."""
    if device == "cpu":
        return Mapped(training, inputs, threads), Mapped(validation, inputs, threads)
    return resident(training, validation, inputs, device)


def resident(
    training: Sequence[Part], validation: Sequence[Part], inputs: Inputs, device: str
) -> tuple[Feed, Feed]:
    """Both on a device, which holds each matrix once."""
    from pipelines.models import timing_device

    timing_device.require_device(device)
    both = [[(part.windows, part.classes) for part in parts] for parts in (training, validation)]
    matrices = timing_device.moved((windows.matrix for parts in both for windows, _ in parts), device)
    first, second = (timing_device.Resident(parts, inputs, matrices) for parts in both)
    return first, second


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
