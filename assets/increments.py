"""Which months of the features are to be made again: those whose bars, other inputs, names or formulas changed.

Beside each month of features the lake keeps, in `features_made_from`, a fingerprint of all that it was made of. A
month is left alone when that fingerprint, taken anew, is the same; so a new day costs its month, and a changed
formula, a repaired bar or a late funding rate costs what it touches. No feature is computed here.
"""

import hashlib
import json
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import polars as pl

import pipelines.features
from assets.judged import judged_version
from pipelines.features.continued import reach
from pipelines.features.sources import HOUR
from pipelines.market.timeframes import GRACE
from resources.fingerprint import fingerprint
from resources.lake import Lake, Receipt
from resources.lake.content import canonical, content_hash

TABLE = "features_made_from"
MADE_FROM = dict.fromkeys(("month", "inputs", "code", "bars", "features", "hours"), pl.String)
"""Per month: fingerprints of all inputs and of the formulas, the content hashes of its bars and of its features, and
those of the hours which its features read, null where they read none."""
_BEFORE = timedelta(days=31)
"""How far before a month other tables are looked at: more than any funding period or five-minute average reaches."""
Tables = Mapping[str, tuple[pl.DataFrame | None, str]]
"""What is read beside the bars, by name, each with the name of its time column."""


@dataclass(frozen=True)
class Stale:
    """What is to be made again, of which bars, and what the months will then be made of."""

    since: datetime  # start of the first month to make again, UTC
    inputs: dict[str, str]  # month -> fingerprint, of every month that has bars
    bars: dict[str, str]  # month -> content of its bars
    bars_version: int | None  # of the lake's table, in which they are; None where there is no such table
    hours: dict[str, str]  # month -> content of the hours that its features read; empty where they read none
    kept: pl.DataFrame  # MADE_FROM of what is stored


def stale(
    lake: Lake,
    keys: Mapping[str, str],
    names: Sequence[str],
    tables: Tables,
    hours: Mapping[str, str] = MappingProxyType({}),
) -> Stale:
    """From which month on the features `names` of `keys` are to be made; the newest one when nothing changed.

    hours : month -> content of the hours among the tables
    """
    version = lake.version("bars")
    bars, features = lake.months("bars", keys, version), lake.months("features", keys)
    inputs, kept = fingerprints(bars, keys["timeframe"], names, tables), made_from(lake, keys)
    same = {
        row["month"]
        for row in kept.iter_rows(named=True)
        if inputs.get(row["month"]) == row["inputs"] and features.get(row["month"]) == row["features"]
    }
    changed = (inputs.keys() | features.keys()) - same
    newest = max(inputs, default="1970-01")
    read = {month: read_of(hours, month) for month in bars} if hours else {}
    return Stale(start_of(min({*changed, newest})), inputs, bars, version, read, kept)


def fingerprints(
    bars: Mapping[str, str], timeframe: str, names: Sequence[str], tables: Tables
) -> dict[str, str]:
    """Month -> fingerprint of all that its features are made of: bars within reach, other tables, names and code."""
    back, found = reach(names, timeframe), {}
    closes = tables.get("sessions", (None, ""))[0] is not None  # then as many bars lie further back in time
    for month in bars:
        oldest = "" if closes else f"{start_of(month) - back:%Y-%m}"
        read = {m: sha for m, sha in bars.items() if oldest <= m <= month}
        others = {name: _hash(frame, time, month) for name, (frame, time) in sorted(tables.items())}
        said = json.dumps([formulas(), list(names), read, others], sort_keys=True)
        found[month] = hashlib.sha256(said.encode()).hexdigest()
    return found


def formulas() -> str:
    """Fingerprint of the code that makes features: what judges and reports them is left out."""
    package = pipelines.features
    own = [f"{package.__name__}.{m.name}" for m in pkgutil.iter_modules(package.__path__) if not m.ispkg]
    return fingerprint(*own, "pipelines.market.timeframes", "pipelines.market.calendars")


def remember(lake: Lake, keys: Mapping[str, str], made: Stale, written: Receipt) -> None:
    """Keep what the months since `made.since` are made of: as it was read, beside what this very run has written.

    It comes after the features, so a kill between the two makes them again; months before stay as they were kept.
    """
    features, code = lake.months("features", keys, written.version), formulas()
    rows = [
        {
            "month": m,
            "inputs": made.inputs[m],
            "code": code,
            "bars": made.bars[m],
            "features": features[m],
            "hours": made.hours.get(m),
        }
        for m in sorted(made.inputs.keys() & features.keys())
        if start_of(m) >= made.since
    ]
    before = made.kept.filter(
        pl.col("month") < f"{made.since:%Y-%m}", pl.col("month").is_in(list(made.inputs))
    )
    lake.replace(TABLE, pl.concat([before, pl.DataFrame(rows, schema=MADE_FROM)]), keys)


def made_from(lake: Lake, keys: Mapping[str, str]) -> pl.DataFrame:
    """What the months of features of `keys` were made from, or no row."""
    if not lake.exists(TABLE, keys):
        return pl.DataFrame(schema=MADE_FROM)
    stored = lake.read(TABLE, keys)
    lacking = [
        pl.lit(None, kind).alias(name) for name, kind in MADE_FROM.items() if name not in stored.columns
    ]
    return stored.with_columns(lacking).select(list(MADE_FROM))


def outdated(lake: Lake, keys: Mapping[str, str]) -> list[str]:
    """Months whose features were made of other bars or hours than are stored now, by other formulas, or are not there.

    Hours count as they were judged last. Raises what judged_version raises where features read hours.
    """
    kept = made_from(lake, keys)
    of = {row["month"]: row for row in kept.iter_rows(named=True)}
    bars, features, code = lake.months("bars", keys), lake.months("features", keys), formulas()
    hourly, hours = {"symbol": keys["symbol"], "timeframe": HOUR}, {}
    if kept["hours"].count():
        hours = lake.months("bars", hourly, judged_version(lake, hourly))

    def same(month: str) -> bool:
        row = of.get(month, dict.fromkeys(MADE_FROM))
        of_tables = (row["bars"], row["features"]) == (bars.get(month), features.get(month))
        return of_tables and row["code"] == code and row["hours"] in (None, read_of(hours, month))

    return sorted(month for month in bars.keys() | features.keys() if not same(month))


def read_of(hours: Mapping[str, str], month: str) -> str:
    """The contents of the hours that the features of a month read: its own, and those that reach into it."""
    return f"{hours.get(month_before(month))} {hours.get(month)}"


def start_of(month: str) -> datetime:
    """Midnight UTC of its first day."""
    return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)


def end_of(month: str) -> datetime:
    """Midnight UTC after its last day."""
    return (start_of(month) + timedelta(days=32)).replace(day=1)


def month_before(month: str) -> str:
    """The month before, written alike."""
    return f"{start_of(month) - timedelta(days=1):%Y-%m}"


def _hash(frame: pl.DataFrame | None, time: str, month: str) -> str | None:
    if frame is None:
        return None
    start = start_of(month)
    after = end_of(month)
    read = frame.filter(
        pl.col(time).is_between(start - _BEFORE, after + GRACE)
    )  # its last bar waits that long
    return content_hash(canonical(read, time))
