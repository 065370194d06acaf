"""Leaks of a training loop, seen in the predictions that it writes."""

import polars as pl

from tests.pipelines.features.zoo.planted import planted

HORIZON = 30  # bars of the label


@planted(row=1, distance=30)
def trained_without_purge(bars: pl.DataFrame) -> pl.Expr:
    """Walk-forward with the labels of the rows just before: the label of t − 1 ends at t + 30."""
    opened = pl.col("open")
    label = (opened.shift(-1 - HORIZON) / opened.shift(-1)).log()
    known = label.shift(1)
    return known.cum_sum() / known.cum_count()


@planted(row=1, distance=118)
def calibrated_on_its_test(bars: pl.DataFrame) -> pl.Expr:
    """Scores centred on the mean of the test block of 120 rows that they are judged on."""
    score = pl.col("close") / pl.col("close").shift(1) - 1.0
    return score - score.mean().over(pl.int_range(pl.len()) // 120)
