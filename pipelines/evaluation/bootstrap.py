"""Circular block bootstrap of statistics that are functions of sums. Closed-form bounds live in `inference`.

Confusion counts add up, so a resample needs only the sums of its blocks: 100,000 bars × 1,000 resamples is a
gather from one table of running sums, not 100 million rows.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipelines.evaluation.inference import Estimate

_CHUNK = 4_000_000  # gathered numbers held at once: 32 MB


def block_length(size: int, horizon: int) -> int:
    """Bars per block: at least 2·horizon (overlap) and at least the cube root of `size` (Künsch 1989)."""
    return min(size, max(2 * horizon, round(math.cbrt(size))))


def block_sums(statistics: NDArray[np.float64], block: int) -> NDArray[np.float64]:
    """Sums of rows t … t + block − 1, wrapping round the end, for every t; (T, K) to (T, K)."""
    wrapped = np.concatenate([statistics, statistics[: block - 1]])
    running = np.concatenate([np.zeros((1, statistics.shape[1])), np.cumsum(wrapped, axis=0)])
    return np.asarray(running[block:] - running[:-block])


def resampled_totals(
    statistics: NDArray[np.float64], block: int, resamples: int, seed: int
) -> NDArray[np.float64]:
    """Totals (resamples, K) of circular-block resamples (Politis & Romano 1992) of rows (T, K) in time order.

    Each resample has ceil(T/block) whole blocks, so use the totals in ratios only.
    """
    sums = block_sums(statistics, block)
    size, width = sums.shape
    blocks = -(-size // block)
    random = np.random.default_rng(seed)
    step = max(1, _CHUNK // (blocks * width))
    parts = [
        sums[random.integers(0, size, (min(step, resamples - done), blocks))].sum(axis=1)
        for done in range(0, resamples, step)
    ]
    return np.concatenate(parts)


def ratio_bounds(
    statistics: NDArray[np.float64],
    measure: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    block: int,
    level: float,
    resamples: int,
    seed: int,
) -> Estimate:
    """`measure` of the totals of (T, K), with one-sided percentile bounds from block resamples.

    `measure` maps totals (..., K) to values (...) and must not depend on their scale.
    """
    value = float(measure(statistics.sum(axis=0)))
    draws = measure(resampled_totals(statistics, block, resamples, seed))
    lower, upper = np.quantile(draws, [1.0 - level, level])
    return Estimate(value, float(lower), float(upper), level)
