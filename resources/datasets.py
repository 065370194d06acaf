"""Sequence datasets on disk: what is memory-mapped, by content, and a manifest per symbol and window that names it.

Mapped are the matrix, shared by all windows of a symbol, and of each window's index the ends, labels and folds, so that
opening a dataset reads nothing. The whole index is a lake table; the manifest says which features it was cut from, so
training can check. Files that no manifest names any more are removed by the next save.
"""

import contextlib
import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData, MissingData, NotEnoughEvidence, TidemarkError, UnknownName
from pipelines.market.symbols import check_symbol
from pipelines.sequences.manifest import Manifest
from pipelines.sequences.matrix import open_column, open_npy, write_npy
from pipelines.sequences.specs import SequenceSpec, spec
from pipelines.sequences.windows import Windows
from resources.lake import Receipt
from resources.lake.locking import exclusive
from resources.registry import durable
from resources.sweeping import sweep

FOLDS = ("train", "validate", "test", "purged", "holdout")
COLUMNS: dict[str, type[np.generic]] = {"ends": np.int64, "labels": np.int8, "folds": np.int8}
PINNED = ("features_version", "features_sha256", "bars_version", "bars_sha256")
FOLDERS = ("matrices", "indexes")  # of files that are named by their content
GRACE = 12 * 3600.0
"""Seconds for which a file that no manifest names any more stays after it was written or its dataset was opened.

A DataLoader maps the matrix again for each worker that it starts afresh. Half a day is longer than such a training, and
shorter than the day between two builds, so that a dataset that is made daily keeps one matrix and not two.
"""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dataset:
    """A stored dataset of one symbol and window."""

    manifest: Manifest
    matrix: NDArray[np.float32]  # (N, F), memory-mapped read-only
    ends: NDArray[np.int64]  # (W,), rows of the matrix in which a window ends; memory-mapped read-only
    labels: NDArray[np.int8]  # (W,), of each window; memory-mapped read-only
    folds: NDArray[np.int8]  # (W,), numbers in FOLDS; memory-mapped read-only
    features_version: int  # of the lake's features table that the matrix was made from
    features_sha256: str  # content of that partition
    bars_version: int  # of the lake's bars table that the labels were made from
    bars_sha256: str

    @property
    def windows(self) -> Windows:
        """Every window with a label, those of the test and the hold-out too, in time order; no copy."""
        return Windows(self.matrix, self.ends, self.manifest.shape[1])

    def part(self, fold: str) -> tuple[Windows, NDArray[np.int8]]:
        """Windows of a fold (`train`, `validate`, `test`, …) and their labels, in time order; raises UnknownName."""
        if fold not in FOLDS:
            raise UnknownName(f"fold {fold!r} is not known: expected one of {', '.join(FOLDS)}; correct it.")
        inside = self.folds == FOLDS.index(fold)
        return Windows(self.matrix, self.ends[inside], self.manifest.shape[1]), self.labels[inside]


class Datasets:
    """Datasets under one folder: `matrices/` and `indexes/` of `<sha256>.npy`, `manifests/<symbol>.<window>.json`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def save(
        self,
        symbol: str,
        manifest: Manifest,
        values: NDArray[np.float32],
        rows: pl.DataFrame,
        features: Receipt,
        bars: Receipt,
    ) -> Path:
        """Store the matrix (once per content) and make the manifest the newest of its symbol and window.

        `rows`: the index of its windows; `features`, `bars`: what the matrix and the labels were made from. Files that
        no manifest names since more than GRACE are removed.
        """
        mapped = {
            "ends": rows["row"].cast(pl.Int64),
            "labels": rows["label"].cast(pl.Int8),
            "folds": rows["fold"].cast(pl.Enum(FOLDS)).to_physical().cast(pl.Int8),
        }
        with self._alone():
            path = write_npy(self.root / "matrices", values)
            columns = {
                name: write_npy(self.root / "indexes", one.to_numpy()).stem for name, one in mapped.items()
            }
            record = {
                "manifest": asdict(manifest),
                "matrix": path.stem,
                **columns,
                "features_version": features.version,
                "features_sha256": features.sha256,
                "bars_version": bars.version,
                "bars_sha256": bars.sha256,
            }
            self._publish(symbol, manifest.sequence, record)
        return path

    def refuse(self, symbol: str, window: str, why: str) -> None:
        """Put a refusal in the place of the dataset: an older one is not trained on where a newer one may not be."""
        with self._alone():
            self._publish(symbol, window, {"refused": why})

    def exists(self, symbol: str, window: str) -> bool:
        """Whether there is a dataset of this symbol and window; one that was refused is not."""
        return self._manifest_path(symbol, window).exists() and self.refusal(symbol, window) is None

    def refusal(self, symbol: str, window: str) -> str | None:
        """Why the newest dataset was refused, or None."""
        path = self._manifest_path(symbol, window)
        said: str | None = json.loads(durable.read(path)).get("refused") if path.exists() else None
        return said

    def open(self, symbol: str, window: str) -> Dataset:
        """The newest dataset, its matrix mapped and not read; waits while another process stores one.

        Raises MissingData when it was never built, NotEnoughEvidence when it was refused, BadData when the manifest
        and the matrix disagree or the manifest lacks a fact.
        """
        with self._alone():  # what the manifest names is not swept between reading it and mapping that
            return self._opened(symbol, window)

    def _opened(self, symbol: str, window: str) -> Dataset:
        path = self._manifest_path(symbol, window)
        if not path.exists():
            raise MissingData(
                f"no {window} dataset of {symbol}: expected {path}; materialize `sequences` first."
            )
        record = json.loads(durable.read(path))
        if "refused" in record:
            raise NotEnoughEvidence(record["refused"])
        if missing := [name for name in (*COLUMNS, *PINNED) if name not in record]:
            raise BadData(
                f"{path} must name {', '.join((*COLUMNS, *PINNED))}, found no {missing[0]}; build it again."
            )
        manifest = _manifest(record["manifest"], path)
        matrix_path = self.root / "matrices" / f"{record['matrix']}.npy"
        with contextlib.suppress(OSError):  # who may only read maps it all the same
            os.utime(matrix_path)  # the index needs none: workers are sent its columns, and open the matrix
        matrix = open_npy(matrix_path)
        what = f"{window} dataset of {symbol}"
        if matrix.nbytes != manifest.matrix_bytes:
            raise BadData(
                f"{what} must hold {manifest.matrix_bytes} bytes, found {matrix.nbytes}; build it again."
            )
        if manifest.matrix_sha256 != {symbol: record["matrix"]}:
            raise BadData(
                f"{what} must have the matrix {manifest.matrix_sha256.get(symbol)} as its manifest says, found "
                f"{record['matrix']}; build it again."
            )
        ends, labels, folds = (
            open_column(self.root / "indexes" / f"{record[name]}.npy", kind) for name, kind in COLUMNS.items()
        )
        if {ends.size, labels.size, folds.size} != {manifest.windows}:
            raise BadData(
                f"{what} must have {manifest.windows} windows, found {ends.size} ends, {labels.size} labels and "
                f"{folds.size} folds; build it again."
            )
        return Dataset(manifest, matrix, ends, labels, folds, **{name: record[name] for name in PINNED})

    def _alone(self) -> contextlib.AbstractContextManager[None]:
        """One process at a time, whatever the symbol: columns of equal content are one file of several symbols."""
        return exclusive(str(self.root.resolve()), "datasets")

    def _publish(self, symbol: str, window: str, record: dict[str, Any]) -> None:
        """Replace a manifest, then sweep: a kill between them leaves what the next one sweeps."""
        target = self._manifest_path(symbol, window)
        durable.make_folder(target.parent)
        durable.replace(target, json.dumps(record, sort_keys=True, indent=1).encode())
        try:
            named = set(self._named())
        except (OSError, ValueError, TypeError, TidemarkError) as fault:
            log.warning("nothing is swept under %s, a manifest cannot be read: %s", self.root, fault)
            return
        sweep([self.root / folder for folder in FOLDERS], named, time.time() - GRACE)

    def _named(self) -> Iterator[str]:
        """Contents that a manifest of any symbol and window names."""
        for path in (self.root / "manifests").glob("*.json"):
            record = json.loads(durable.read(path))
            yield from (record[name] for name in ("matrix", *COLUMNS) if name in record)

    def _manifest_path(self, symbol: str, window: str) -> Path:
        return self.root / "manifests" / f"{check_symbol(symbol)}.{spec(window).name}.json"


def require_horizon(symbol: str, dataset: Dataset, asked: SequenceSpec) -> None:
    """Refuse a dataset whose labels look otherwise far ahead than the settings ask; raises BadData with both."""
    stated = dataset.manifest
    if stated.horizon != asked.horizon:
        raise BadData(
            f"{asked.name} dataset of {symbol} was made for a horizon of {stated.horizon} bars (profile "
            f"{stated.profile}), expected {asked.horizon} bars (training.horizons = {asked.profile!r}); materialize "
            "`sequences` again or set training.horizons back."
        )


def _manifest(stored: dict[str, Any], path: Path) -> Manifest:
    """The manifest of a stored record; raises BadData when its facts are not those that a manifest has."""
    known = {field.name for field in fields(Manifest)}
    if known != set(stored):
        raise BadData(
            f"{path} must state {', '.join(sorted(known))}, found {', '.join(sorted(known ^ set(stored)))} missing or "
            "unknown; materialize `sequences` again."
        )
    return Manifest(**stored | {name: tuple(stored[name]) for name in ("symbols", "shape")})
