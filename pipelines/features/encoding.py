"""How a raw column enters a model: none, log1p, anchored, relative or scaled (FEATURES.md, Encoding).

Encoded inputs have no currency and no lot size: prices × 1024 and volumes × 1024 leave them unchanged to the
last bit of float64. The columns that an encoding refers to (close, volume_ma, trade_intensity,
trade_size_mean) are features themselves. What does not live here: centring and scaling
(pipelines.sequences.scaling).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import UnknownName
from pipelines.features.declaration import Feature
from pipelines.features.sets import features_named

Matrix = NDArray[np.floating[Any]]
Raw = Callable[[str], Matrix]
"""A raw column by name, (B, T): B windows of T bars."""

_SIZES = ("trade_size_mean", "trade_size_std")


def tabular(features: pl.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
    """Encoded rows, (N, F) float64, each a window of one bar; NaN where the raw value is null.

    features : a feature table with the columns `names` and those their encodings refer to.
    Raises UnknownName for a name that is not a column.
    """

    def raw(name: str) -> Matrix:
        if name not in features.columns:
            raise _absent(name, features.columns)
        return features.get_column(name).to_numpy().reshape(-1, 1)

    out = np.empty((features.height, 1, len(names)))
    _encode(raw, names, out)
    return out[:, 0, :]


def windows(block: Matrix, names: Sequence[str]) -> Matrix:
    """Encoded windows, (B, T, F) in the dtype of `block`, anchored and scaled at each window's last bar.

    block : (B, T, F) raw values, the last axis in the order of `names`, which must hold the columns that the
    encodings refer to; raises UnknownName otherwise.
    """

    def raw(name: str) -> Matrix:
        if name not in names:
            raise _absent(name, names)
        return block[:, :, list(names).index(name)]

    out = np.empty_like(block)
    _encode(raw, names, out)
    return out


def _encode(raw: Raw, names: Sequence[str], out: Matrix) -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        for i, feature in enumerate(features_named(names)):
            out[:, :, i] = _ENCODERS[feature.encoding](feature, raw)


def _none(feature: Feature, raw: Raw) -> Matrix:
    return raw(feature.name)


def _log1p(feature: Feature, raw: Raw) -> Matrix:
    values: Matrix = np.log1p(raw(feature.name))
    return values


def _anchored(feature: Feature, raw: Raw) -> Matrix:
    return raw(feature.name) / raw("close")[:, -1:] - 1.0


def _relative(feature: Feature, raw: Raw) -> Matrix:
    return raw(feature.name) / raw("close")


def _scaled(feature: Feature, raw: Raw) -> Matrix:
    scale = _mean_trade(raw) if feature.name in _SIZES else raw("volume_ma")[:, -1:]
    values: Matrix = np.log1p(raw(feature.name) / scale)
    return np.where(scale == 0.0, 0.0, values)


def _mean_trade(raw: Raw) -> Matrix:
    """Σ size/Σ trades over each window, (B, 1); 0 without a trade.

    Σ size is Σ trade_size_mean·trades, and trades are trade_intensity times the bar's minutes, which cancel.
    """
    trades = raw("trade_intensity")
    total = trades.sum(axis=1, keepdims=True)
    size = (raw("trade_size_mean") * trades).sum(axis=1, keepdims=True)
    mean: Matrix = np.where(total == 0.0, 0.0, size / total)
    return mean


_ENCODERS: dict[str, Callable[[Feature, Raw], Matrix]] = {
    "none": _none,
    "log1p": _log1p,
    "anchored": _anchored,
    "relative": _relative,
    "scaled": _scaled,
}


def _absent(name: str, known: Sequence[str]) -> UnknownName:
    return UnknownName(
        f"encoding needs the column {name!r}: found {len(known)} other columns; add it to the features."
    )
