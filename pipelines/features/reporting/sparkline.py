"""A distribution as one line of text, for tables."""

import numpy as np

from pipelines.features.reporting.bins import Array
from pipelines.market.quality.report import BLOCKS

WIDTH = 16  # characters
TAIL = 0.005  # share of the values that goes to each end
NOTHING, CONSTANT = "no value", "constant"


def sparkline(values: Array) -> str:
    """How often each sixteenth of the range between the 0.5 % and 99.5 % quantiles occurs; NaN is left out."""
    known = values[~np.isnan(values)]
    if not known.size:
        return NOTHING
    if known.min() == known.max():
        return CONSTANT
    low, high = np.quantile(known, [TAIL, 1 - TAIL], method="nearest")
    if low == high:  # all but the tails is one value: a rare flag
        low, high = known.min(), known.max()
    found, _ = np.histogram(np.clip(known, low, high), WIDTH, (low, high))
    return "".join(BLOCKS[min(int(count * len(BLOCKS) / found.max()), len(BLOCKS) - 1)] for count in found)
