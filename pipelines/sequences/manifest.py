"""What a sequence dataset holds, as facts that can be checked against its bytes. No rows live here."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from pipelines.errors import BadData, MissingData
from pipelines.features import FeatureSet
from pipelines.sequences.labels import class_shares
from pipelines.sequences.specs import SequenceSpec

ITEM = np.dtype(np.float32).itemsize
FOLDS_ARE = "the split of each symbol by itself; training cuts all its symbols at the same moments"


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
    )


def require_same(stated: Manifest, found: Manifest, what: str) -> None:
    """Raises BadData with both values of the first fact in which a stored manifest and what was read disagree.

    The profile is no such fact: what it decides is the horizon.
    """
    for name in (field.name for field in fields(Manifest) if field.name != "profile"):
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
