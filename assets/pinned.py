"""Features and bars as one pair of table versions, so that what was trained can be named. Nothing is computed here."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from assets.increments import outdated
from pipelines.errors import BadData
from pipelines.sequences.runs import following
from resources.datasets import Dataset
from resources.lake import Lake, Receipt
from resources.lake.receipt import combined_hash


@dataclass(frozen=True)
class Pinned:
    """Features and bars of one symbol and timeframe, row by row the same; the bars carry the labels."""

    features: pl.DataFrame
    bars: pl.DataFrame
    receipts: tuple[Receipt, Receipt]  # of features and of bars

    @property
    def hashes(self) -> dict[str, str]:
        """Content of both tables, by their names."""
        return {receipt.table: receipt.sha256 for receipt in self.receipts}

    @property
    def sha256(self) -> str:
        """One hash of the content of both: any value of either changes it."""
        return combined_hash(self.hashes)


def pinned(
    lake: Lake,
    keys: Mapping[str, str],
    calendar: str,
    features_version: int | None = None,
    bars_version: int | None = None,
) -> Pinned:
    """Both tables of `keys` (symbol, timeframe) at those versions, or at the newest.

    calendar : of the symbol; where it closes the bars say which of them follow each other (sequences/runs.py).
    Raises BadData when they do not hold the same bars, or, of the newest, when a month of features was made of other
    bars or by other formulas: features that lag behind would meet labels not theirs.
    """
    receipts = (
        lake.fingerprint("features", keys, features_version),
        lake.fingerprint("bars", keys, bars_version),
    )
    features, bars = (lake.read(r.table, keys, version=r.version) for r in receipts)
    if not features["open_time"].equals(bars["open_time"]):
        raise BadData(
            f"features of {keys['symbol']} {keys['timeframe']} must hold the open times of its bars, found "
            f"{features.height} rows ({receipts[0].first} to {receipts[0].last}) beside {bars.height} bars "
            f"({receipts[1].first} to {receipts[1].last}); materialize `features` again."
        )
    newest = features_version is None and bars_version is None
    if newest and (months := outdated(lake, keys)):
        more = f" and {len(months) - 3} more months" if len(months) > 3 else ""
        raise BadData(
            f"features of {keys['symbol']} {keys['timeframe']} must be made of its bars and hours as they are stored "
            "and by the formulas as they are, found others, or features that were changed, in "
            f"{', '.join(months[:3])}{more}; "
            "materialize `features` again."
        )
    return Pinned(features, following(bars, keys["timeframe"], calendar), receipts)


def tables_of(lake: Lake, symbol: str, dataset: Dataset, calendar: str) -> Pinned:
    """The features that a dataset's windows were cut from and the bars of its labels, as it names them.

    Raises BadData when either version no longer holds what the manifest says.
    """
    keys = {"symbol": symbol, "timeframe": dataset.manifest.timeframe}
    found = pinned(lake, keys, calendar, dataset.features_version, dataset.bars_version)
    stated = (dataset.features_sha256, dataset.bars_sha256)
    for receipt, expected in zip(found.receipts, stated, strict=True):
        if receipt.sha256 != expected:
            raise BadData(
                f"{receipt.table} of {symbol} at version {receipt.version} must hash to {expected}, "
                f"found {receipt.sha256}; materialize `sequences` again."
            )
    return found


def common_hash(tables: Mapping[str, Pinned]) -> str:
    """One hash of the features and bars of several symbols."""
    return combined_hash({f"{s} {name}": h for s, one in tables.items() for name, h in one.hashes.items()})
