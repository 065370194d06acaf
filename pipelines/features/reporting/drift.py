"""Drift: how far a month's distribution of each encoded feature lies from the month before, as PSI.

PSI = Σ (p − q)·ln(p/q) over bins that are deciles of the month before (bins.py); p and q are the shares of this month
and of the one before, with half a row added to every bin so that an empty one is no infinity. Two samples of one
distribution have a PSI of about (bins − 1)·(1/n + 1/m): where that alone exceeds NOISE nothing is said, and nothing
where a month is missing. Rows that follow each other are alike, so slow features move more than that by chance; the
customary limits of 0.1 and 0.25 know nothing of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from pipelines.features.reporting.bins import Array, counts, cuts
from pipelines.features.reporting.values import encoded

SOME, MUCH = 0.1, 0.25  # PSI above which a feature moved somewhat, and much
NOISE = 0.05  # PSI that chance alone may explain, at most
WEEK = 7  # days with rows: fewer show neither every hour nor every weekday, and the month counts as missing
DRIFT: dict[str, pl.DataType | type[pl.DataType]] = {
    "month": pl.String, "name": pl.String, "nulls": pl.Float64, "psi": pl.Float64,
}  # fmt: skip
"""A row per month and feature: share of rows without a value, PSI against the month before (null: nothing to say)."""


def psi(reference: Array, current: Array) -> float:
    """The population stability index of two samples (N > 0 each, no NaN)."""
    ends = cuts(reference)
    q, p = (_shares(counts(values, ends)) for values in (reference, current))
    return float(((p - q) * np.log(p / q)).sum())


def told(reference: Array, current: Array) -> float | None:
    """PSI, or None when either sample is too small for it to mean anything."""
    if not reference.size or not current.size:
        return None
    bins = cuts(reference).size
    return psi(reference, current) if bins * (1 / reference.size + 1 / current.size) <= NOISE else None


def drift(features: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """DRIFT of a feature table of one symbol and timeframe, sorted by open_time; months in order, names as given."""
    rows: list[tuple[str, str, float, float | None]] = []
    before: _Month | None = None
    for first, part in months(features):
        here = _month(first, part, names)
        moved = _moved(before, here)
        rows += zip([f"{first:%Y-%m}"] * len(names), names, here.nulls, moved, strict=True)
        before = here
    return pl.DataFrame(rows, schema=DRIFT, orient="row")


@dataclass(frozen=True)
class _Month:
    first: date
    whole: bool  # has rows on a week's worth of days
    nulls: list[float]
    known: list[Array]  # encoded values of each feature


def _month(first: date, part: pl.DataFrame, names: Sequence[str]) -> _Month:
    return _Month(
        first,
        part["open_time"].dt.date().n_unique() >= WEEK,
        [part[name].null_count() / part.height for name in names],
        [column[~np.isnan(column)] for column in encoded(part, names).T],
    )


def _moved(before: _Month | None, here: _Month) -> list[float | None]:
    """PSI of each feature; None throughout when the month before is missing."""
    if before is None or not (before.whole and here.whole and _next(before.first) == here.first):
        return [None] * len(here.known)
    return [told(old, new) for old, new in zip(before.known, here.known, strict=True)]


def months(features: pl.DataFrame) -> Iterator[tuple[date, pl.DataFrame]]:
    """Each month's first day and its rows, oldest first; slices, since a copy would double a long history."""
    runs = features["open_time"].dt.month_start().dt.date().rle().struct.unnest()
    start = 0
    for length, month in runs.iter_rows():
        yield month, features.slice(start, length)
        start += length


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _shares(found: np.ndarray) -> Array:
    shares: Array = (found + 0.5) / (found.sum() + 0.5 * found.size)
    return shares
