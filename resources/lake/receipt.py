"""What a write to the lake reports. No reading or writing here."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Receipt:
    """Fingerprint of some partitions of a table: enough to name exactly what a model saw."""

    table: str
    version: int  # Delta version that holds this content
    rows: int  # of all the named partitions together, not only of the changed ones
    first: datetime | None  # time of the first row, UTC; None without rows or without a time column
    last: datetime | None  # time of the last row (inclusive), UTC
    sha256: str  # of the values; equal content gives an equal hash in any process
    changed: tuple[str, ...]  # partitions rewritten or removed by this write, e.g. `month=2026-03`


def combined_hash(hashes: Mapping[str, str]) -> str:
    """SHA-256 over the `partition:hash` lines in partition order; of nothing when there is no partition."""
    lines = "".join(f"{name}:{hashes[name]}\n" for name in sorted(hashes))
    return hashlib.sha256(lines.encode()).hexdigest()
