"""The values that are measured: encoded rows without rounding dust. The encodings themselves are encoding.py."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pipelines.features.encoding import tabular
from pipelines.features.reporting.bins import Array

DIGITS = 12  # after the point: what differs by less is one value, since x·(1/x) is not always 1


def encoded(features: pl.DataFrame, names: Sequence[str]) -> Array:
    """Encoded rows, (N, F), each a window of one bar; NaN where the value is null."""
    return np.round(tabular(features, names), DIGITS)
