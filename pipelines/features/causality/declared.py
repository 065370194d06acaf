"""The detector on our own declared features: with the lookback they state and the tables they read."""

from collections.abc import Mapping, Sequence

import polars as pl

from pipelines.errors import BadData
from pipelines.features.causality.leak import Leak
from pipelines.features.causality.modes import MODES, Mode
from pipelines.features.causality.quilt import Part
from pipelines.features.causality.search import searched
from pipelines.features.causality.world import Compute, Table, World
from pipelines.features.declaration import Feature
from pipelines.features.engine import compute
from pipelines.features.sets import features_named
from pipelines.features.sources import BESIDE, READ, known_at
from pipelines.market.timeframes import GRACE, length_of, minutes_of

_LOOKS_ALONE = 50
"""Rows looked at one by one for features of other tables or of a long memory: each is a call on the whole series."""
_SHORT, _LONG = 64, 2_048
"""Memories up to the first are looked at together, longer ones by powers of two, beyond the second without pieces."""


def declared_leaks(
    bars: pl.DataFrame,
    timeframe: str,
    names: Sequence[str],
    *,
    tables: Mapping[str, pl.DataFrame] | None = None,
    modes: Sequence[Mode] = MODES,
    looks: int = 2_000,
    thorough: bool = False,
    seed: int = 0,
) -> list[Leak]:
    """Leaks of declared features over these bars; those of other tables last.

    tables : what features of other sources read, by the name of compute's argument, such as funding; known when
        sources.py says.
    looks : at most 50 for features of other tables and of memories over 2,048 bars: each is a call of its own.
    The other arguments and the errors are those of `leaks`.
    """
    minutes = minutes_of(timeframe)
    of_bars = [feature for feature in features_named(names) if feature.source == "bars"]
    short = [feature for feature in of_bars if feature.bars(minutes) <= _LONG]
    long = [feature for feature in of_bars if feature.bars(minutes) > _LONG]
    others = [feature for feature in features_named(names) if feature.source != "bars"]
    few = min(looks, _LOOKS_ALONE)
    found: list[Leak] = []
    if short:
        world = World(_function(short, timeframe), bars, {}, "open_time", None, seed)
        found += searched(world, _parts(short, timeframe), modes, looks, thorough=thorough)
    if long:
        world = World(_function(long, timeframe), bars, {}, "open_time", None, seed)
        found += searched(world, [], modes, few, thorough=thorough)
    if others:
        usable = length_of(timeframe) + GRACE
        world = World(
            _function(others, timeframe), bars, _known(tables or {}, timeframe), "open_time", usable, seed
        )
        found += searched(world, [], modes, few, thorough=thorough)
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
