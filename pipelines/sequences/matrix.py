"""The float32 matrix that windows are cut from, and content-addressed .npy files of arrays. No windows here."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData


def matrix(features: pl.DataFrame, names: Sequence[str]) -> NDArray[np.float32]:
    """Raw feature values (N, F) float32, C order; null becomes NaN. Row i is row i of `features`."""
    out = np.empty((features.height, len(names)), dtype=np.float32)
    for column, name in enumerate(names):
        out[:, column] = features[name].cast(pl.Float32).fill_null(float("nan")).to_numpy()
    return out


def content_hash(values: NDArray[Any]) -> str:
    """sha256 over the type, the shape and the bytes of an array."""
    digest = hashlib.sha256(repr((values.dtype.str, values.shape)).encode())
    digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def write_npy(folder: Path, values: NDArray[Any]) -> Path:
    """Store an array as `<sha256>.npy` in `folder`, once: temporary file, fsync, rename."""
    final = folder / f"{content_hash(values)}.npy"
    if final.exists():
        return final
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, values, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(final)
    finally:
        Path(name).unlink(missing_ok=True)
    _sync_folder(folder)
    return final


def open_npy(path: Path) -> NDArray[np.float32]:
    """Map a stored matrix (N, F) float32 read-only without reading it; BadData when it is torn."""
    try:
        mapped: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise BadData(
            f"matrix {path.name} must be a whole .npy file, found: {error}; build it again."
        ) from error
    if mapped.ndim != 2 or mapped.dtype != np.float32:
        raise BadData(
            f"matrix {path.name} must be two-dimensional float32, found {mapped.ndim} dimensions of "
            f"{mapped.dtype}; build it again."
        )
    return mapped


def open_column(path: Path, dtype: type[np.generic]) -> NDArray[Any]:
    """Map a stored array (W,) read-only without reading it; BadData when it is torn or of another type."""
    try:
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadData(
            f"column {path.name} must be a whole .npy file, found: {error}; build it again."
        ) from error
    if mapped.ndim != 1 or mapped.dtype != dtype:
        raise BadData(
            f"column {path.name} must hold one dimension of {np.dtype(dtype)}, found {mapped.ndim} of {mapped.dtype}; "
            "build it again."
        )
    return mapped


def verify_npy(path: Path) -> NDArray[np.float32]:
    """Map a stored matrix and read it all to compare it with its name; raises BadData with both hashes."""
    mapped = open_npy(path)
    found = content_hash(mapped)
    if found != path.stem:
        raise BadData(
            f"matrix {path.name} must hash to its name, found {found}; delete it and build it again."
        )
    return mapped


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
