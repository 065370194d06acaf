"""Faults on purpose: the minutes in which the recorder heard nothing, though the market went on."""

from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.market.synthetic.config import SyntheticConfig
from pipelines.market.synthetic.streams import MINUTES_PER_DAY, Purpose, generator

OUTAGE_MINUTES = 10
"""Outages are whole blocks: single lost minutes, spread evenly, would leave no long window alive."""


@lru_cache(maxsize=64)
def dropped(config: SyntheticConfig, symbol: str, day: int) -> NDArray[np.bool_]:
    """Which minutes of a day (days since 1970) are lost, shape (1440,); on average `drop_minutes` of them."""
    blocks = generator(config.seed, symbol, Purpose.FAULTS, day).random(MINUTES_PER_DAY // OUTAGE_MINUTES)
    return np.repeat(blocks < config.drop_minutes, OUTAGE_MINUTES)


def without_dropped(
    config: SyntheticConfig, symbol: str, day: int, table: pl.DataFrame, column: str
) -> pl.DataFrame:
    """The rows of a day's table whose `column` (a time) is in no lost minute."""
    if config.drop_minutes == 0.0:
        return table
    minute = table[column].dt.hour().cast(pl.Int32) * 60 + table[column].dt.minute().cast(pl.Int32)
    return table.filter(pl.Series(~dropped(config, symbol, day)[minute.to_numpy()]))
