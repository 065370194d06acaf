"""Whether the stored bars of a partition were judged, and which of them were. No verdict is made here.

Verdicts are data_quality.py's. Features of a partition need its bars as they are now; what reads other partitions, the
hours beside minutes or the whole market, takes each as it was judged last, so that one that is newer holds nobody.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from pipelines.errors import BadData, MissingData, NotEnoughEvidence
from pipelines.market.quality import Finding, from_table
from resources.lake import Lake, Receipt


def require_judged(lake: Lake, keys: Mapping[str, str], version: int | None = None) -> None:
    """Raise unless the stored bars, at a version or as they are now, were judged, and no blocking finding was red.

    MissingData when the findings are of other bars or there are none; NotEnoughEvidence or BadData as refuse_blocked.
    """
    stored, now = _findings(lake, keys), lake.fingerprint("bars", keys, version).sha256
    if stored is None or "bars_sha256" not in stored.columns or stored["bars_sha256"][0] != now:
        raise MissingData(_not_judged(keys, "none" if stored is None else "those of other bars"))
    refuse_blocked(from_table(stored), "|".join(keys.values()))


def judged_version(lake: Lake, keys: Mapping[str, str]) -> int:
    """The version of the bars table at which the bars of `keys` are those that were judged last and found good.

    Raises MissingData when they were never judged; NotEnoughEvidence or BadData as refuse_blocked.
    """
    stored = _findings(lake, keys)
    if stored is None or "bars_sha256" not in stored.columns:
        raise MissingData(_not_judged(keys, "none"))
    refuse_blocked(from_table(stored), "|".join(keys.values()))
    now = lake.fingerprint("bars", keys)
    if now.sha256 == stored["bars_sha256"][0]:
        return now.version
    if "bars_version" not in stored.columns:
        raise MissingData(_not_judged(keys, "those of other bars"))
    return int(stored["bars_version"][0])


def version_to_keep(lake: Lake, keys: Mapping[str, str], bars: Receipt) -> int:
    """Under which version findings of these bars are kept: the one under which they were judged before, if they were.

    Other partitions move the table's version; the same verdict on the same bars stays the same rows.
    """
    stored = _findings(lake, keys)
    if stored is None or not {"bars_sha256", "bars_version"} <= set(stored.columns):
        return bars.version
    return int(stored["bars_version"][0]) if stored["bars_sha256"][0] == bars.sha256 else bars.version


def refuse_blocked(found: Sequence[Finding], partition: str) -> None:
    """Raise when a blocking finding failed: NotEnoughEvidence when only gaps did, else BadData."""
    failed = [one for one in found if one.blocking and not one.passed]
    if not failed:
        return
    if [one.name for one in failed] == ["gaps"]:
        raise NotEnoughEvidence(failed[0].sentence)
    said = " ".join(f"{one.name}: {one.sentence}" for one in failed)
    raise BadData(f"data of {partition} is not what it should be: {said} No features are made of it.")


def _findings(lake: Lake, keys: Mapping[str, str]) -> pl.DataFrame | None:
    return lake.read("data_quality", keys) if lake.exists("data_quality", keys) else None


def _not_judged(keys: Mapping[str, str], found: str) -> str:
    return (
        f"bars of {'|'.join(keys.values())} were not judged: expected findings of `data_quality` about these very "
        f"bars, found {found}; materialize `data_quality` first."
    )
