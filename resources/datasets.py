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

PINNED = ("features_version", "features_sha256", "bars_version", "bars_sha256")


@dataclass(frozen=True)
class Dataset:
    """A stored dataset of one symbol and window."""

    manifest: Manifest
    matrix: NDArray[np.float32]  # (N, F), memory-mapped read-only
    features_version: int  # of the lake's features table that the matrix was made from
    features_sha256: str  # content of that partition
    bars_version: int  # of the lake's bars table that the labels were made from
    bars_sha256: str


class Datasets:
    """Datasets under one folder: `matrices/<sha256>.npy` and `manifests/<symbol>.<window>.json`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def save(
        self, symbol: str, manifest: Manifest, values: NDArray[np.float32], features: Receipt, bars: Receipt
    ) -> Path:
        """Store the matrix (once per content) and make the manifest the newest of its symbol and window.

        `features`, `bars`: what the matrix and the labels were made from.
        """
        path = write_npy(self.root / "matrices", values)
        record = {
            "manifest": asdict(manifest),
            "matrix": path.stem,
            "features_version": features.version,
            "features_sha256": features.sha256,
            "bars_version": bars.version,
            "bars_sha256": bars.sha256,
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

        Raises MissingData when it was never built, BadData when the manifest and the matrix disagree or the
        manifest does not name its features and bars.
        """
        path = self._manifest_path(symbol, window)
        if not path.exists():
            raise MissingData(
                f"no {window} dataset of {symbol}: expected {path}; materialize `sequences` first."
            )
        record = json.loads(durable.read(path))
        if missing := [name for name in PINNED if name not in record]:
            raise BadData(f"{path} must name {', '.join(PINNED)}, found no {missing[0]}; build it again.")
        fields = record["manifest"] | {name: tuple(record["manifest"][name]) for name in ("symbols", "shape")}
        manifest = Manifest(**fields)
        matrix = open_npy(self.root / "matrices" / f"{record['matrix']}.npy")
        if matrix.nbytes != manifest.matrix_bytes:
            raise BadData(
                f"{window} dataset of {symbol} must hold {manifest.matrix_bytes} bytes, found {matrix.nbytes}; "
                "build it again."
            )
        return Dataset(manifest, matrix, **{name: record[name] for name in PINNED})

    def _manifest_path(self, symbol: str, window: str) -> Path:
        return self.root / "manifests" / f"{check_symbol(symbol)}.{spec(window).name}.json"
