"""Trades at a price that nobody near them paid (F27): a price and an amount that changed places, a lost digit.

Each is sound by itself; only its neighbours tell. A level that lasts is no outlier: half of its neighbours share it.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.market.rows import STANDING, Parsed, quarantine
from pipelines.market.text_table import LINE

EACH_SIDE = 5
FEWEST = 4
"""With fewer neighbours nothing is judged."""
FAR = 0.5
"""A price further from the median of its neighbours than this share of it is broken."""
REASON = "price is more than half off the median of the ten trades around it"


def far_from_neighbours(prices: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which prices (in the order of trading) are more than half off the median of up to ten around them.

    Only the neighbourhood of jumps is looked at, so a sound day costs two comparisons a trade.
    """
    count = prices.size
    far = np.zeros(count, np.bool_)
    if count <= FEWEST:
        return far
    ratio = prices[1:] / prices[:-1]
    jumps = np.flatnonzero((ratio > 1 + FAR / 2) | (ratio < 1 - FAR / 2))
    reach = np.arange(-EACH_SIDE, EACH_SIDE + 2)
    suspects = np.unique((jumps[:, None] + reach).ravel())
    suspects = suspects[(suspects >= 0) & (suspects < count)]
    around = suspects[:, None] + np.concatenate([np.arange(-EACH_SIDE, 0), np.arange(1, EACH_SIDE + 1)])
    inside = (around >= 0) & (around < count)
    near = np.where(inside, prices[np.clip(around, 0, count - 1)], np.nan)
    if suspects.size:
        far[suspects] = np.abs(prices[suspects] / np.nanmedian(near, axis=1) - 1) > FAR
    return far


def without_far_trades(parsed: Parsed, file: str) -> Parsed:
    """The file's TRADES without outliers, which are quarantined; the text is the row's values."""
    order = parsed.rows.select(pl.arg_sort_by("time", "id")).to_series()
    far = np.zeros(parsed.rows.height, np.bool_)
    far[order.to_numpy()] = far_from_neighbours(parsed.rows["price"].gather(order).to_numpy())
    if not far.any():
        return parsed
    rows = parsed.rows.filter(pl.Series(far))
    names = ("time", "id", "side", "price", "amount")
    texts = rows.select(pl.concat_str(pl.col(names).cast(pl.String).fill_null(""), separator=",")).to_series()
    moved = rows.select(LINE, pl.lit(REASON).alias("reason"), pl.col("time").alias(STANDING))
    aside = pl.concat([parsed.quarantine, quarantine(moved, file, texts.to_list())])
    return replace(parsed, rows=parsed.rows.filter(~pl.Series(far)), quarantine=aside)
