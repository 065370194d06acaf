"""Candles whose prices nobody near them in time has seen (F27). What becomes of them is decided by the caller."""

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

EACH_SIDE = 5
"""Neighbours looked at on each side."""
FEWEST = 4
"""With fewer neighbours there is no judgement."""
FAR = 0.5
"""A price further from the neighbours' median close than this share of it is broken."""
LONGEST = timedelta(hours=1)
"""Longer bars may move so far in earnest."""


def far_from_neighbours(candles: pl.DataFrame, length: timedelta) -> npt.NDArray[np.bool_]:
    """For each row of CANDLES, sorted and without repeats, whether a price is more than half off its neighbours.

    Neighbours are the closes of up to five candles on each side within ten bars' time; their median withstands
    four broken ones. A jump that stays is no outlier: the candles after it agree with it.
    """
    count = candles.height
    if count <= FEWEST or length > LONGEST:
        return np.zeros(count, np.bool_)
    close = candles["close"].to_numpy()
    time = candles["open_time"].to_physical().to_numpy()
    reach = 2 * EACH_SIDE * (length // timedelta(microseconds=1))
    around = np.full((2 * EACH_SIDE, count), np.nan)
    for step in range(1, min(EACH_SIDE, count - 1) + 1):
        near = time[step:] - time[:-step] <= reach
        around[step - 1, step:] = np.where(near, close[:-step], np.nan)
        around[EACH_SIDE + step - 1, :-step] = np.where(near, close[step:], np.nan)
    known = np.isfinite(around).sum(axis=0)
    judged = known >= FEWEST
    far = np.zeros(count, np.bool_)
    if judged.any():
        middle = np.nanmedian(around[:, judged], axis=0)
        prices = candles.select("open", "high", "low", "close").to_numpy()[judged]
        far[judged] = (np.abs(prices / middle[:, None] - 1.0) > FAR).any(axis=1)
    return far
