"""Whether stored features are causal, as an asset check: the leak detector on the newest bars of a partition.

Made for features.py, whose write it blocks. What a leak is and how it is found: pipelines/features/causality.
"""

import time
from collections.abc import Mapping, Sequence

import dagster as dg
import polars as pl

from assets.beside import BEFORE
from assets.partitions import Partitions
from pipelines.errors import BadData
from pipelines.features import compute
from pipelines.features.causality import Leak, declared_leaks
from pipelines.features.continued import memory
from pipelines.features.sets import features_named

NEWEST = 2_000
"""Bars that are looked at: every one for features of bars that remember at most 2,048; of other tables and longer
memories see declared_leaks. v5 takes 1 to 2 s of one core, each optional group half to one and a quarter more."""
_SHOWN = 10  # leaks told in the metadata


def spec(p: Partitions) -> dg.AssetCheckSpec:
    """The check of the features of these partitions."""
    return dg.AssetCheckSpec(
        "is_causal",
        asset="features",
        blocking=True,
        partitions_def=p.bars,
        description=f"No value of the newest {NEWEST:,} bars was seen to change, to the last bit, when only what "
        "became known later did. Features of bars are looked at in every bar; those of other tables, of a memory over "
        "2,048 bars and over the nights of a market that closes in 50 bars drawn anew each run and at the edges, those "
        "of other tables also where rows of their table become known.",
    )


def causal(
    bars: pl.DataFrame,
    timeframe: str,
    names: Sequence[str],
    tables: Mapping[str, tuple[pl.DataFrame, str]],
    sessions: pl.DataFrame | None,
) -> dg.AssetCheckResult:
    """The verdict on these features of the newest bars; each run draws its cuts anew, by the time of the newest bar.

    tables : what is read beside the bars, by the names of compute's arguments, each with its time column
    sessions : of a market that closes

    Features without any value in the bars that are looked at are named: of them the verdict can say nothing.
    """
    started = time.monotonic()
    newest = bars.tail(NEWEST)
    since = newest["open_time"][0] - BEFORE
    recent = {name: table.filter(pl.col(at) >= since) for name, (table, at) in tables.items()}
    drawn = int(newest["open_time"][-1].timestamp()) // 60
    of_bars = [one.name for one in features_named(names) if one.source == "bars"]
    long = [name for name in of_bars if memory([name], timeframe) >= NEWEST]
    short = [name for name in names if name not in long]
    looked_at = [(newest, short, recent)] if short else []
    if long:  # in the newest bars alone they would be unknown in every row
        looked_at.append((bars.tail(memory(long, timeframe) + NEWEST), long, {}))
    found, never = [], []
    for rows, some, read in looked_at:
        found += declared_leaks(rows, timeframe, some, tables=read, sessions=sessions, seed=drawn)
        seen = compute(rows, timeframe, some, **read, sessions=sessions)
        never += [name for name in some if seen[name].null_count() == seen.height]
    said = ", ".join(never) or "none"
    return verdict(found, started, bars=newest.height, features=len(names), never_known=said)


def verdict(found: list[Leak], started: float, **said: int | str) -> dg.AssetCheckResult:
    """Leaks as the result of a check that began at `started`, with whatever else is to be `said` of it."""
    return dg.AssetCheckResult(
        check_name="is_causal",
        passed=not found,
        metadata={
            **said,
            "leaks": len(found),
            "found": dg.MetadataValue.md(told(found) or "none"),
            "seconds": round(time.monotonic() - started, 2),
        },
    )


def told(found: Sequence[Leak]) -> str:
    """The first leaks, a sentence each, as a Markdown list."""
    more = [f"- and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "\n".join([*(f"- {leak}" for leak in found[:_SHOWN]), *more])


def refusal(partition: str, verdict: dg.AssetCheckResult) -> BadData:
    """The error of a red check."""
    return BadData(
        f"features {partition} read the future: expected none to change with later bars, found "
        f"{verdict.metadata['leaks'].value} that do; nothing was written, see the check's metadata and correct the "
        f"formulas. {verdict.metadata['found'].value}"
    )
