"""A sequence dataset written out as one `.pt` file, for people who want the file. Training never reads it.

Every window stands in it encoded, (W, T, F), so it is T times as large as the matrix that training maps; its size is
said before a byte is written. It is written through a mapped file, whose pages the system may take back, and it
holds tensors, text and numbers only: `torch.load(path, weights_only=True)` reads it.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.errors import BadData, BadSettings, MissingData
from pipelines.features import feature_set
from pipelines.features.encoding import windows as encoded
from pipelines.features.sets import FeatureSet
from pipelines.sequences.manifest import Manifest, check_export, describe, require_same
from pipelines.sequences.matrix import content_hash
from pipelines.sequences.specs import spec
from pipelines.sequences.windows import Windows
from resources.datasets import Dataset, require_horizon

BATCH = 256
"""Windows that are encoded at a time."""
SETS = ("v4", "v5", "v4_hours", "v5_hours")  # what models are trained on


@dataclass(frozen=True)
class Export:
    """What will be written: datasets and indexes of some symbols with one window and one feature set."""

    window: str
    features: FeatureSet
    datasets: dict[str, Dataset]
    indexes: dict[str, pl.DataFrame]
    manifest: Manifest  # of all symbols together

    @property
    def name(self) -> str:
        """E.g. `timing_training_data_v4_seq300.pt`."""
        return f"timing_training_data_{self.features.name}_{self.window}.pt"

    @property
    def announcement(self) -> str:
        """What it will hold and how large it will be."""
        windows, bars, width = self.manifest.shape
        return (
            f"{self.name}: {windows:,} windows of {bars} bars and {width} features of "
            f"{', '.join(self.manifest.symbols)}, "
            f"{self.manifest.expanded_bytes / 1e9:,.2f} GB; the matrix that training maps has "
            f"{self.manifest.matrix_bytes / 1e9:,.3f} GB"
        )


def prepare(
    window: str,
    datasets: Mapping[str, Dataset],
    indexes: Mapping[str, pl.DataFrame],
    profile: str = "default",
) -> Export:
    """The export of these symbols' datasets and rows of the `sequences` table, with the horizons of `profile`.

    Raises MissingData for no symbol, BadData when they were made with different features or another horizon, or
    when a manifest does not describe its rows.
    """
    if not datasets:
        raise MissingData(
            f"no dataset of {window} is there: expected one or more; materialize `sequences` first."
        )
    asked = spec(window, profile)
    for symbol, dataset in datasets.items():
        require_horizon(symbol, dataset, asked)
    made = {dataset.manifest.features_sha256 for dataset in datasets.values()}
    if len(made) > 1:
        raise BadData(
            f"datasets of {window} were made with {len(made)} different feature sets "
            f"({', '.join(sorted(datasets))}): expected one; export the symbols that share one by themselves."
        )
    (sha256,) = made
    chosen = next((found for found in map(feature_set, SETS) if found.sha256 == sha256), None)
    if chosen is None:
        raise BadData(
            f"datasets of {window} hold features of no known set ({sha256[:12]}); build them again."
        )
    rows = {symbol: dataset.matrix.shape[0] for symbol, dataset in datasets.items()}
    hashes = {symbol: content_hash(dataset.matrix) for symbol, dataset in datasets.items()}  # reads them
    for symbol, dataset in datasets.items():
        own = describe(
            {symbol: indexes[symbol]},
            {symbol: rows[symbol]},
            asked,
            asked.horizon,
            chosen,
            {symbol: hashes[symbol]},
        )
        require_same(dataset.manifest, own, f"{window} dataset of {symbol}")
    whole = describe(dict(indexes), rows, asked, asked.horizon, chosen, hashes)
    return Export(window, chosen, dict(sorted(datasets.items())), dict(indexes), whole)


def write(export: Export, folder: Path, tell: Callable[[str, float], None]) -> Path:
    """Write the file, replacing an older one when it is whole; raises BadSettings when the disk cannot hold it."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    needed, free = 2 * export.manifest.expanded_bytes, shutil.disk_usage(folder).free
    if needed > free:
        raise BadSettings(
            f"{export.name} needs {needed / 1e9:.1f} GB while it is written, {folder} has {free / 1e9:.1f} GB free; "
            "name another folder or fewer symbols."
        )
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        values = _filled(export, Path(scratch) / "windows.raw", tell)
        rows = pl.concat([export.indexes[symbol] for symbol in export.datasets])
        part = Path(scratch) / export.name
        torch.save(
            {
                "windows": torch.from_numpy(values),
                "label": torch.from_numpy(rows["label"].to_numpy().astype(np.int64)),
                "log_return": torch.from_numpy(rows["y"].to_numpy().copy()),
                "uniqueness": torch.from_numpy(rows["uniqueness"].to_numpy().copy()),
                "open_time_us": torch.from_numpy(rows["open_time"].to_physical().to_numpy().copy()),
                "fold": rows["fold"].to_list(),
                "symbols": [s for s in export.datasets for _ in range(export.indexes[s].height)],
                "features": list(export.features.names),
                "manifest": json.dumps(asdict(export.manifest), default=_text),
            },
            part,
        )
        check_export(export.manifest, part.stat().st_size)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(folder / export.name)
    return folder / export.name


def _filled(
    export: Export, path: Path, tell: Callable[[str, float], None]
) -> "np.memmap[tuple[int, ...], np.dtype[np.float32]]":
    values = np.memmap(path, dtype=np.float32, mode="w+", shape=export.manifest.shape)
    done = 0
    for symbol, dataset in export.datasets.items():
        cut = Windows(dataset.matrix, export.indexes[symbol]["row"].to_numpy(), spec(export.window).bars)
        for start in range(0, len(cut), BATCH):
            which = np.arange(start, min(start + BATCH, len(cut)), dtype=np.int64)
            values[done : done + which.size] = encoded(cut.batch(which), export.features.names)
            done += which.size
            tell(f"{export.name}, {symbol}", done / export.manifest.windows)
    return values


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
