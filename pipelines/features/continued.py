"""Features of new bars given the bars before them: a new day, or the newest bar, for the cost of itself.

The state is nothing but stored bars, as many as the longest memory: every formula reads a window that ends, so what
is computed here equals the same rows of a whole history to the last bit. The formulas run in engine.py.
"""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from pipelines.features.engine import compute
from pipelines.features.sets import features_named
from pipelines.market.timeframes import length_of, minutes_of


def memory(names: Sequence[str], timeframe: str) -> int:
    """How many bars before a bar its features may read, on bars of `timeframe`."""
    minutes = minutes_of(timeframe)
    return max((one.bars(minutes) for one in features_named(names)), default=1) - 1


def reach(names: Sequence[str], timeframe: str) -> timedelta:
    """How far before a bar the oldest one opens that its features may read; further where the market closes."""
    return length_of(timeframe) * memory(names, timeframe)


def continued(
    past: pl.DataFrame,
    bars: pl.DataFrame,
    timeframe: str,
    names: Sequence[str],
    **tables: pl.DataFrame | None,
) -> pl.DataFrame:
    """Features of `bars`, one row each, as compute() of all bars that ever were would give them, bit by bit.

    past : the bars before them, the memory(names, timeframe) last ones at least; empty at the very start
    tables : those of compute(), by their names. Raises what compute() raises; BadData also when `bars` do not follow
    `past`.
    """
    kept = past.tail(memory(names, timeframe))
    together = pl.concat([kept.select(bars.columns), bars])
    made = compute(together, timeframe, names, **tables)
    return made.slice(kept.height)
