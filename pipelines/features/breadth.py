"""Feature 10 of intraday12: how much of the market rose. An optional group: it needs the bars of other symbols.

Not here: which symbols are listed. A symbol that is not listed at t has no bar at t, so it is not counted.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from pipelines.features.block import Array, Block, Inputs, Whole
from pipelines.features.declaration import feature
from pipelines.features.sources import BREADTH
from pipelines.market.schemas import UTC_US
from pipelines.market.timeframes import length_of


def breadth(bars_by_symbol: Mapping[str, pl.DataFrame], timeframe: str) -> pl.DataFrame:
    """BREADTH of BARS of a timeframe by symbol, sorted by open_time.

    A symbol counts at t when it has a bar at t and the bar before it, so that r is known; in a verified-empty bar r is
    0, which is no rise. A time at which no symbol counts is no row. Raises UnknownName for an unknown timeframe.
    """
    length = length_of(timeframe)
    rose = [pl.DataFrame(schema={"open_time": UTC_US, "rose": pl.Boolean})]
    for bars in bars_by_symbol.values():
        follows = pl.col("open_time").diff() == length
        rises = pl.when(follows).then(pl.col("close").diff() > 0).alias("rose")
        rose.append(bars.sort("open_time").select("open_time", rises))
    known = pl.concat(rose).drop_nulls()
    return known.group_by("open_time").agg(pl.col("rose").mean().alias("breadth")).sort("open_time")


def _at_each_bar(inputs: Inputs) -> Array:
    table = inputs.table("breadth", "breadth", tuple(BREADTH)).select(list(BREADTH))
    joined = inputs.bars.select("open_time").join(table, on="open_time", how="left", maintain_order="left")
    return joined["breadth"].fill_null(np.nan).to_numpy()


_whole_breadth = Whole(_at_each_bar)


@feature(unit="share", inputs=("breadth",), lookback=1, bounds=(0.0, 1.0), source="breadth")
def market_breadth(x: Block) -> Array:
    """Share of the symbols listed at t, with a bar at t, whose r is above 0; null when no return is known.

    Source: FEATURES.md, intraday12.
    """
    return x(_whole_breadth)
