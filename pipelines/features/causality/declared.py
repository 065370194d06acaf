"""The detector on our own declared features: with the lookback they state and the tables they read."""

from collections.abc import Mapping, Sequence

import polars as pl

from pipelines.errors import BadData
from pipelines.features.causality.leak import Leak
from pipelines.features.causality.modes import MODES, Mode
from pipelines.features.causality.nights import leaks_over_nights
from pipelines.features.causality.quilt import Part
from pipelines.features.causality.search import searched
from pipelines.features.causality.world import Compute, Table, World
from pipelines.features.declaration import Feature
from pipelines.features.engine import compute
from pipelines.features.sets import features_named
from pipelines.features.sources import BESIDE, READ, known_at
from pipelines.market.timeframes import GRACE, length_of, minutes_of

_LOOKS_ALONE = 50
"""Looks at features of other tables or of a long memory, each a call on the whole series; edges come on top."""
_SHORT, _LONG = 64, 2_048
"""Memories up to the first are looked at together, longer ones by powers of two, beyond the second without pieces."""


def declared_leaks(
    bars: pl.DataFrame,
    timeframe: str,
    names: Sequence[str],
    *,
    tables: Mapping[str, pl.DataFrame] | None = None,
    sessions: pl.DataFrame | None = None,
    modes: Sequence[Mode] = MODES,
    looks: int = 2_000,
    thorough: bool = False,
    seed: int = 0,
) -> list[Leak]:
    """Leaks of declared features over these bars; those of other tables last.

    tables : what features of other sources read, by the name of compute's argument, such as funding; known when
        sources.py says.
    sessions : SESSIONS that hold every bar, of a market that closes. Then features of bars are looked at in pieces
        within a session, and all of them over the nights besides, by at most 50 looks (nights.py).
    looks : rows looked at one by one. Of features of other tables and of memories over 2,048 bars at most 50, as each
        is a call on the whole series.
    thorough : every mode at every row, also of these.
    The other arguments and the errors are those of `leaks`; no name at all is BadData, an unknown one UnknownName.

    Features of other tables are cut, unless thorough: under every mode at the last bar before each row of a table
    becomes known and at the bar at which it does; of a table with more than 40 such moments (breadth, the flow of
    cohorts) at 40 of the former, drawn by the seed out of equal stretches; and under one mode each at the edges of
    cuts.py, at cuts spread evenly and at the looks.
    """
    if not names:
        raise BadData(
            "the leaks of declared features need their names: expected some, found none; name a feature."
        )
    minutes = minutes_of(timeframe)
    of_bars = [feature for feature in features_named(names) if feature.source == "bars"]
    short = [feature for feature in of_bars if feature.bars(minutes) <= _LONG]
    long = [feature for feature in of_bars if feature.bars(minutes) > _LONG]
    others = [feature for feature in features_named(names) if feature.source != "bars"]
    few, usable = min(looks, _LOOKS_ALONE), length_of(timeframe) + GRACE
    known = _known(tables or {}, timeframe)
    found: list[Leak] = []
    if short:
        world = World(_function(short, timeframe), bars, {}, "open_time", None, seed)
        found += searched(world, _parts(short, timeframe), modes, looks, thorough=thorough)
    if sessions is not None:
        rest = [name for name in names if name not in {leak.column for leak in found}]
        if not rest:
            return found
        return found + leaks_over_nights(
            bars, timeframe, rest, sessions, known, usable, modes, few, thorough=thorough, seed=seed
        )
    if long:
        world = World(_function(long, timeframe), bars, {}, "open_time", None, seed)
        found += searched(world, [], modes, few, thorough=thorough)
    if others:
        world = World(_function(others, timeframe), bars, known, "open_time", usable, seed)
        found += searched(world, [], modes, few, thorough=thorough, in_copies=True)
    return found


def _known(tables: Mapping[str, pl.DataFrame], timeframe: str) -> dict[str, Table]:
    named = {READ[source].argument: source for source in BESIDE}
    if unknown := [name for name in tables if name not in named]:
        raise BadData(
            f"tables of declared features are {', '.join(named)}, found {unknown[0]!r}; name it as compute does."
        )
    return {name: Table(frame, known_at(named[name], timeframe)) for name, frame in tables.items()}


def _function(features: Sequence[Feature], timeframe: str) -> Compute:
    names = [feature.name for feature in features]
    return lambda rows, **read: compute(rows, timeframe, names, **read)


def _parts(features: Sequence[Feature], timeframe: str) -> list[Part]:
    """Features of like memory together: a piece is as long as the longest memory in it."""
    groups: dict[int, list[Feature]] = {}
    for feature in features:
        rows = feature.bars(minutes_of(timeframe))
        groups.setdefault(max(_SHORT, 1 << (rows - 1).bit_length()), []).append(feature)
    return [
        Part(
            tuple(feature.name for feature in group),
            _function(group, timeframe),
            max(feature.bars(minutes_of(timeframe)) for feature in group),
        )
        for group in groups.values()
    ]
