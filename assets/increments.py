"""Which months of the features are to be made again: those whose bars, other inputs, names or formulas changed.

Beside each month of features the lake keeps, in `features_made_from`, a fingerprint of all that it was made of. A
month is left alone when that fingerprint, taken anew, is the same; so a new day costs its month, and a changed
formula, a repaired bar or a late funding rate costs what it touches. No feature is computed here.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from pipelines.features.continued import reach
from resources.fingerprint import fingerprint
from resources.lake import Lake
from resources.lake.content import canonical, content_hash

TABLE = "features_made_from"
MADE_FROM = {"month": pl.String, "inputs": pl.String, "bars": pl.String, "features": pl.String}
"""Per month: fingerprint of all inputs, and the content hashes of its bars and of its features."""
_CODE = ("pipelines.features", "pipelines.market.timeframes")
_BEFORE = timedelta(days=31)
"""How far before a month other tables are looked at: more than any funding period or five-minute average reaches."""


@dataclass(frozen=True)
class Stale:
    """What is to be made again, and what the months will be made of."""

    since: datetime  # start of the first month to make again, UTC
    inputs: dict[str, str]  # month -> fingerprint, of every month that has bars


def stale(
    lake: Lake,
    keys: Mapping[str, str],
    names: Sequence[str],
    tables: Mapping[str, tuple[pl.DataFrame | None, str]],
) -> Stale:
    """From which month on the features `names` of `keys` are to be made; the newest one when nothing changed.

    tables : what is read beside the bars, each with the name of its time column
    """
    bars, features = lake.months("bars", keys), lake.months("features", keys)
    inputs = fingerprints(bars, keys["timeframe"], names, tables)
    kept = made_from(lake, keys)
    same = {
        row["month"]
        for row in kept.iter_rows(named=True)
        if inputs.get(row["month"]) == row["inputs"] and features.get(row["month"]) == row["features"]
    }
    changed = (inputs.keys() | features.keys()) - same
    newest = max(inputs, default="1970-01")
    return Stale(start_of(min({*changed, newest})), inputs)


def fingerprints(
    bars: Mapping[str, str],
    timeframe: str,
    names: Sequence[str],
    tables: Mapping[str, tuple[pl.DataFrame | None, str]],
) -> dict[str, str]:
    """Month -> fingerprint of all that its features are made of: bars within reach, other tables, names and code."""
    back, code = reach(names, timeframe), fingerprint(*_CODE)
    found = {}
    for month in bars:
        oldest = f"{start_of(month) - back:%Y-%m}"
        read = {m: sha for m, sha in bars.items() if oldest <= m <= month}
        others = {name: _hash(frame, time, month) for name, (frame, time) in sorted(tables.items())}
        said = json.dumps([code, list(names), read, others], sort_keys=True)
        found[month] = hashlib.sha256(said.encode()).hexdigest()
    return found


def remember(lake: Lake, keys: Mapping[str, str], inputs: Mapping[str, str]) -> None:
    """Keep what the stored features of `keys` are made of; written after them, so a kill between makes them again."""
    bars, features = lake.months("bars", keys), lake.months("features", keys)
    rows = [
        {"month": m, "inputs": inputs[m], "bars": bars[m], "features": sha} for m, sha in features.items()
    ]
    lake.replace(TABLE, pl.DataFrame(rows, schema=MADE_FROM), keys)


def made_from(lake: Lake, keys: Mapping[str, str]) -> pl.DataFrame:
    """What the months of features of `keys` were made from, or no row."""
    return lake.read(TABLE, keys) if lake.exists(TABLE, keys) else pl.DataFrame(schema=MADE_FROM)


def not_of_these_bars(lake: Lake, keys: Mapping[str, str]) -> list[str]:
    """Months whose features were made of other bars than are stored now, or are not there at all."""
    kept = made_from(lake, keys)
    of = {row["month"]: (row["bars"], row["features"]) for row in kept.iter_rows(named=True)}
    bars, features = lake.months("bars", keys), lake.months("features", keys)
    return sorted(m for m in bars.keys() | features.keys() if of.get(m) != (bars.get(m), features.get(m)))


def start_of(month: str) -> datetime:
    """Midnight UTC of its first day."""
    return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)


def _hash(frame: pl.DataFrame | None, time: str, month: str) -> str | None:
    if frame is None:
        return None
    start = start_of(month)
    after = (start + timedelta(days=32)).replace(day=1)
    return content_hash(canonical(frame.filter(pl.col(time).is_between(start - _BEFORE, after)), time))
