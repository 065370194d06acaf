"""What a sequence dataset holds, as facts that can be checked against its bytes. No rows live here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from pipelines.errors import BadData, MissingData
from pipelines.features import FeatureSet
from pipelines.sequences.labels import class_shares
from pipelines.sequences.matrix import content_hash
from pipelines.sequences.specs import SequenceSpec

ITEM = np.dtype(np.float32).itemsize
FOLDS_ARE = "the split of each symbol by itself; training cuts all its symbols at the same moments"
HASHED = ("row", "label", "y", "uniqueness", "open_time", "fold")
"""Columns of an index that an export writes out."""


@dataclass(frozen=True)
class Manifest:
    """Facts of one dataset: (windows, bars, features) over one or more symbols."""

    sequence: str
    timeframe: str
    horizon: int  # bars
    profile: str  # whose horizon it is (specs.PROFILES)
    symbols: tuple[str, ...]
    rows: int  # rows of the matrices of all symbols
    windows: int
    shape: tuple[int, int, int]  # (windows, bars, features)
    start: str  # open of the first window's last bar, ISO 8601 UTC
    until: str  # end of the last label's information
    matrix_bytes: int  # rows × features × 4: what is stored
    expanded_bytes: int  # windows × bars × features × 4: what an export must hold
    class_shares: dict[str, float]
    folds: dict[str, int]  # windows by fold
    folds_are: str  # what a fold of the index means
    features_sha256: str
    matrix_sha256: dict[str, str]  # per symbol
    index_sha256: dict[str, str]  # per symbol, of the columns HASHED of its index


def describe(
    indexes: Mapping[str, pl.DataFrame],
    rows: Mapping[str, int],
    spec: SequenceSpec,
    horizon: int,
    features: FeatureSet,
    matrix_sha256: Mapping[str, str],
) -> Manifest:
    """The manifest of the indexes of some symbols, each with the column `fold`.

    Raises MissingData when they hold no window at all.
    """
    together = pl.concat(list(indexes.values())) if indexes else pl.DataFrame()
    if together.is_empty():
        raise MissingData(
            f"sequence {spec.name} must hold at least one window, found none; bring more history."
        )
    windows, width = together.height, len(features.names)
    return Manifest(
        sequence=spec.name,
        timeframe=spec.timeframe,
        horizon=horizon,
        profile=spec.profile,
        symbols=tuple(sorted(indexes)),
        rows=sum(rows.values()),
        windows=windows,
        shape=(windows, spec.bars, width),
        start=together.select(pl.col("open_time").min()).item().isoformat(),
        until=together.select(pl.col("known_until").max()).item().isoformat(),
        matrix_bytes=sum(rows.values()) * width * ITEM,
        expanded_bytes=windows * spec.bars * width * ITEM,
        class_shares=class_shares(together["label"].to_numpy()),
        folds=dict(together.group_by("fold").len().sort("fold").iter_rows()),
        folds_are=FOLDS_ARE,
        features_sha256=features.sha256,
        matrix_sha256=dict(matrix_sha256),
        index_sha256={symbol: index_hash(index) for symbol, index in indexes.items()},
    )


def index_hash(index: pl.DataFrame) -> str:
    """sha256 of the columns HASHED of an index (W rows), those that it has, in its order of rows, every bit of a float.

    It does not depend on the process, nor on the width of an integer or the encoding of a text.
    """
    digest = hashlib.sha256()
    for name in HASHED:
        if name in index.columns:
            digest.update(f"{name} {_column_hash(index[name])}\n".encode())
    return digest.hexdigest()


def _column_hash(column: pl.Series) -> str:
    if column.name == "fold":
        return hashlib.sha256(json.dumps(column.cast(pl.String).to_list()).encode()).hexdigest()
    numbers = column.dt.epoch("us") if column.dtype.is_temporal() else column
    numbers = numbers.cast(pl.Float64 if column.dtype.is_float() else pl.Int64)
    # A null is hashed apart, since numpy has none: filled with nought it would hash as nought.
    return content_hash(numbers.is_null().to_numpy()) + content_hash(numbers.fill_null(0).to_numpy())


def require_same(stated: Manifest, found: Manifest, what: str, *, index: bool = False) -> None:
    """Raises BadData with both values of the first fact in which a stored manifest and what was read disagree.

    The profile is no such fact: what it decides is the horizon. The hash of the index is one with `index`: training
    makes the index again instead, and says which row differs.
    """
    left_out = {"profile"} if index else {"profile", "index_sha256"}
    for name in (field.name for field in fields(Manifest) if field.name not in left_out):
        expected, read = getattr(stated, name), getattr(found, name)
        if expected != read:
            raise BadData(
                f"{what} must have {name} {expected} as its manifest says, found {read}; materialize `sequences` again."
            )


def check_export(manifest: Manifest, found_bytes: int) -> None:
    """Refuses an expanded export that cannot hold its windows; raises BadData with both sizes."""
    if found_bytes < manifest.expanded_bytes:
        raise BadData(
            f"export of {manifest.sequence} must hold {manifest.expanded_bytes} bytes for shape "
            f"{manifest.shape}, found {found_bytes}; export it again."
        )
