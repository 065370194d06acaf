"""A sequence dataset written out as one `.pt` file, for people who want the file. Training never reads it.

Every window stands in it encoded, (W, T, F), so it is T times as large as the matrix that training maps; its size is
said before a byte is written. It is written through a mapped file, whose pages the system may take back, and it
holds tensors, text and numbers only: `torch.load(path, weights_only=True)` reads it. What a killed export leaves beside
it is removed by the next one of its name.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.errors import BadData, BadSettings, MissingData, SessionRefused
from pipelines.features import feature_set
from pipelines.features.encoding import windows as encoded
from pipelines.features.sets import FeatureSet
from pipelines.sequences.manifest import Manifest, check_export, describe, require_same
from pipelines.sequences.matrix import content_hash
from pipelines.sequences.specs import spec
from pipelines.sequences.windows import Windows
from resources.datasets import FOLDS, Dataset, require_horizon
from resources.journal.lock import take
from resources.lake.locking import exclusive

BATCH = 256
"""Windows that are encoded at a time."""
SETS = ("v4", "v5", "v4_hours", "v5_hours")  # what models are trained on
VALUES, WRITER = "windows.raw", "writer"  # in the scratch folder: every window, and the lock of who writes


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
    when the rows are not those that a dataset was made with: it and the table are stored one after the other.
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
        what = f"{window} dataset of {symbol}"
        require_same(dataset.manifest, own, what)
        _require_mapped(dataset, indexes[symbol], what)
        require_same(dataset.manifest, own, what, index=True)
    whole = describe(dict(indexes), rows, asked, asked.horizon, chosen, hashes)
    return Export(window, chosen, dict(sorted(datasets.items())), dict(indexes), whole)


def _require_mapped(dataset: Dataset, rows: pl.DataFrame, what: str) -> None:
    """Refuse rows (W) of other window ends, labels or folds than those that training maps; BadData with the first."""
    folds = pl.Series(dataset.folds).replace_strict(
        dict(enumerate(FOLDS)), default="unknown", return_dtype=pl.String
    )
    mapped = {"row": pl.Series(dataset.ends), "label": pl.Series(dataset.labels), "fold": folds}
    for name, held in mapped.items():
        differs = rows[name].cast(held.dtype, strict=False).ne_missing(held).arg_true()
        if differs.len():
            at = differs[0]
            raise BadData(
                f"{what} must have {name} {held[at]} at {rows['open_time'][at]:%Y-%m-%d %H:%M}, found {rows[name][at]} "
                f"in the table ({differs.len()} of {rows.height} windows differ); materialize `sequences` again."
            )


def write(export: Export, folder: Path, tell: Callable[[str, float], None]) -> Path:
    """Write the file, replacing an older one when it is whole.

    Raises BadSettings when the disk cannot hold it, or while another process writes a file of its name there.
    """
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    with _scratch(folder, export.name) as scratch:
        needed, free = 2 * export.manifest.expanded_bytes, shutil.disk_usage(folder).free
        if needed > free:
            raise BadSettings(
                f"{export.name} needs {needed / 1e9:.1f} GB while it is written, {folder} has {free / 1e9:.1f} GB "
                "free; name another folder or fewer symbols."
            )
        values = _filled(export, scratch / VALUES, tell)
        rows = pl.concat([export.indexes[symbol] for symbol in export.datasets])
        part = scratch / export.name
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


@contextmanager
def _scratch(folder: Path, name: str) -> Iterator[Path]:
    """A folder `.<name>.partial` of this process alone, without what a killed one left, gone in the end.

    Its lock lies in it, so nobody may take that while it is removed: both are done under a second lock, held shortly.
    """
    scratch = folder.resolve() / f".{name}.partial"
    with exclusive(str(scratch), "scratch"):
        scratch.mkdir(exist_ok=True)
        held = _taken(scratch, name)
        _emptied(scratch, name)
    try:
        yield scratch
    finally:
        with exclusive(str(scratch), "scratch"):
            _emptied(scratch, name)
            (scratch / WRITER).unlink(missing_ok=True)
            with suppress(OSError):  # somebody put a file of theirs into it
                scratch.rmdir()
            os.close(held)


def _taken(scratch: Path, name: str) -> int:
    try:
        return take(scratch / WRITER)
    except SessionRefused as refusal:
        raise BadSettings(
            f"{name} in {scratch.parent} must have one writer, found {(scratch / WRITER).read_text()} writing it; wait "
            "for that one or name another folder."
        ) from refusal


def _emptied(scratch: Path, name: str) -> None:
    """Only of what an export writes: nothing else is removed from a folder that belongs to a person."""
    for own in (VALUES, name):
        (scratch / own).unlink(missing_ok=True)


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
