"""Confusion counts per time, and measures of their sums. Intervals come from `bootstrap`."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.evaluation.forecasts import CLASSES, CLIMATOLOGY, PROBABILITIES, matrix

_K = len(CLASSES)


def counts_by_time(rows: pl.DataFrame, names: tuple[str, ...] = PROBABILITIES) -> NDArray[np.float64]:
    """Counts (T, 9) per open time, flattened [happened, forecast]; the forecast class is the likeliest one.

    Equal probabilities go to the first class (DOWN, NEUTRAL, UP). `rows` from `forecasts.matured`.
    """
    code = rows["label"].cast(pl.Int64).to_numpy() * _K + matrix(rows, names).argmax(axis=1)
    time = rows["open_time"].rank("dense").cast(pl.Int64).to_numpy() - 1
    size = int(time[-1]) + 1
    flat = np.bincount(time * _K * _K + code, minlength=size * _K * _K)
    return flat.reshape(size, _K * _K).astype(np.float64)


def accuracy(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of forecasts that named the class that happened; (..., 9) to (...)."""
    table = counts.reshape(*counts.shape[:-1], _K, _K)
    return np.asarray(np.trace(table, axis1=-2, axis2=-1) / counts.sum(axis=-1))


def balanced_accuracy(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean recall over the three classes; (..., 9) to (...). A class that never happened counts 0."""
    table = counts.reshape(*counts.shape[:-1], _K, _K)
    happened = table.sum(axis=-1)
    hits = np.diagonal(table, axis1=-2, axis2=-1)
    recall = np.divide(hits, happened, out=np.zeros_like(happened), where=happened > 0)
    return np.asarray(recall.mean(axis=-1))


def matthews(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multi-class Matthews correlation R_K (Gorodkin 2004); (..., 9) to (...); 0 for a constant forecast."""
    table = counts.reshape(*counts.shape[:-1], _K, _K)
    total = counts.sum(axis=-1)
    happened, forecast = table.sum(axis=-1), table.sum(axis=-2)
    hits = np.trace(table, axis1=-2, axis2=-1)
    above = hits * total - (happened * forecast).sum(axis=-1)
    spread = (total**2 - (forecast**2).sum(axis=-1)) * (total**2 - (happened**2).sum(axis=-1))
    return np.asarray(np.divide(above, np.sqrt(spread), out=np.zeros_like(above), where=spread > 0))


def class_shares(rows: pl.DataFrame) -> NDArray[np.float64]:
    """Share of DOWN, NEUTRAL and UP among the outcomes; (3,)."""
    label = rows["label"].cast(pl.Int64).to_numpy()
    return np.bincount(label, minlength=_K) / label.size


def do_nothing_accuracy(rows: pl.DataFrame) -> float:
    """Accuracy that needs no model: the better of the training majority class and the commonest outcome."""
    majority = float(accuracy(counts_by_time(rows, CLIMATOLOGY).sum(axis=0)))
    return max(majority, float(class_shares(rows).max()))
