"""How many independent labels overlapping ones are worth. Training weights live in `sequences`."""

from datetime import timedelta

import numpy as np
import polars as pl


def effective_labels(times: pl.Series, length: timedelta, horizon: int) -> float:
    """Number of labels × their mean uniqueness (López de Prado 2018, ch. 4), over decision times.

    A label decided at bar t lives over the h + 1 bars [t + 1, t + 2 + h). Each bar of a life counts 1/c, c
    the lives that share it, so the sum over all labels is (bars that any life covers)/(h + 1), which is
    what this returns: ≈ n/(h + 1) for a label on every bar, n for labels that do not overlap. `times`: open
    times, UTC; symbols that decide at the same time count once, because one market moves them together.
    """
    if times.is_empty():
        return 0.0
    ticks = times.unique().sort().dt.epoch("us").to_numpy() // (length // timedelta(microseconds=1))
    life = horizon + 1
    fresh = np.minimum(np.diff(ticks), life)
    return float(life + fresh.sum()) / life
