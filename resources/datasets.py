"""Sequence datasets on disk: the memory-mapped matrix by content, and a manifest per symbol and window that names it.

The windows' index is a lake table; what is here says which features it was cut from, so training can check.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadData, MissingData
from pipelines.market.symbols import check_symbol
from pipelines.sequences.manifest import Manifest
from pipelines.sequences.matrix import open_npy, write_npy
from pipelines.sequences.specs import spec
from resources.lake import Receipt
from resources.registry import durable


@dataclass(frozen=True)
class Dataset:
    """A stored dataset of one symbol and window."""

    manifest: Manifest
    matrix: NDArray[np.float32]  # (N, F), memory-mapped read-only
    features_version: int  # of the lake's features table that the matrix was made from
    features_sha256: str  # content of that partition


class Datasets:
    """Datasets under one folder: `matrices/<sha256>.npy` and `manifests/<symbol>.<window>.json`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def save(self, symbol: str, manifest: Manifest, values: NDArray[np.float32], features: Receipt) -> Path:
        """Store the matrix (once per content) and make the manifest the newest of its symbol and window."""
        path = write_npy(self.root / "matrices", values)
        record = {
            "manifest": asdict(manifest),
            "matrix": path.stem,
            "features_version": features.version,
            "features_sha256": features.sha256,
        }
        target = self._manifest_path(symbol, manifest.sequence)
        durable.make_folder(target.parent)
        durable.replace(target, json.dumps(record, sort_keys=True, indent=1).encode())
        return path

    def exists(self, symbol: str, window: str) -> bool:
        """Whether a dataset of this symbol and window was ever stored."""
        return self._manifest_path(symbol, window).exists()

    def open(self, symbol: str, window: str) -> Dataset:
        """The newest dataset, its matrix mapped and not read.

        Raises MissingData when it was never built, BadData when the manifest and the matrix disagree.
        """
        path = self._manifest_path(symbol, window)
        if not path.exists():
            raise MissingData(
                f"no {window} dataset of {symbol}: expected {path}; materialize `sequences` first."
            )
        record = json.loads(durable.read(path))
        fields = record["manifest"] | {name: tuple(record["manifest"][name]) for name in ("symbols", "shape")}
        manifest = Manifest(**fields)
        matrix = open_npy(self.root / "matrices" / f"{record['matrix']}.npy")
        if matrix.nbytes != manifest.matrix_bytes:
            raise BadData(
                f"{window} dataset of {symbol} must hold {manifest.matrix_bytes} bytes, found {matrix.nbytes}; "
                "build it again."
            )
        return Dataset(manifest, matrix, record["features_version"], record["features_sha256"])

    def _manifest_path(self, symbol: str, window: str) -> Path:
        return self.root / "manifests" / f"{check_symbol(symbol)}.{spec(window).name}.json"
