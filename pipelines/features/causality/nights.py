"""The detector over the nights of a market that closes: features that look back further than a session.

By the bars alone a night is a gap, so in pieces, which are moved by weeks, such features are never known. Here the
whole series is computed with its sessions, one call a cut. What is looked at in pieces is declared.py.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import polars as pl

from pipelines.features.causality.leak import Leak
from pipelines.features.causality.modes import AFTER_A_GAP, Mode
from pipelines.features.causality.search import searched
from pipelines.features.causality.world import Table, World
from pipelines.features.engine import compute


def leaks_over_nights(
    bars: pl.DataFrame,
    timeframe: str,
    names: Sequence[str],
    sessions: pl.DataFrame,
    tables: Mapping[str, Table],
    usable_after: timedelta,
    modes: Sequence[Mode],
    looks: int,
    *,
    thorough: bool,
    seed: int,
) -> list[Leak]:
    """Leaks of these features, computed with the sessions; the arguments are those of `leaks`.

    The mode that moves later rows by a day is left out: its bars would open in no session.
    """

    def features(rows: pl.DataFrame, **read: pl.DataFrame) -> pl.DataFrame:
        return compute(rows, timeframe, names, **read, sessions=sessions)

    world = World(features, bars, tables, "open_time", usable_after, seed)
    inside = [mode for mode in modes if mode is not AFTER_A_GAP]
    return searched(world, [], inside, looks, thorough=thorough)
