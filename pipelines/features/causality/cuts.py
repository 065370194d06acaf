"""Where the future is cut: the rows after which a leak is likely to show, and rows spread evenly over the rest.

A leak of the hour shows before the hour ends, one of a fill inside the hole, one of a warm-up at the start, one of
another table before a row of it becomes known. What is done after a cut is modes.py.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

_EACH = 8
"""Rows of each kind."""
_HOUR_US, _DAY_US = 3_600_000_000, 86_400_000_000


def edges(bars: pl.DataFrame, times: Numbers, features: pl.DataFrame) -> Numbers:
    """Rows c with something particular between c and c + 1, at most 8 of each kind, sorted.

    The ends of hours, days and months, the edges of gaps, the first and last rows, the rows before a column
    becomes known, and the largest moves of the close.
    """
    steps = np.diff(times)
    usual = np.median(steps) if steps.size else 0
    month = bars.select(pl.from_epoch(pl.Series(times), "us").dt.month()).to_series().to_numpy()
    kinds = [
        *(np.flatnonzero(np.diff(times // unit)) for unit in (_HOUR_US, _DAY_US)),
        np.flatnonzero(np.diff(month)),
        np.flatnonzero(steps > usual),
        np.flatnonzero(steps > usual) + 1,
        np.arange(min(_EACH, times.size)),
        np.arange(max(0, times.size - _EACH), times.size),
        _before_known(features),
        _moves(bars),
    ]
    return np.unique(np.concatenate([spread(kind, _EACH) for kind in kinds]))


def becoming_known(usable: Numbers, known: Numbers, most: int, rng: np.random.Generator) -> Numbers:
    """The last bar before each row of a table becomes known, and the bar at which it does; of more than `most` a draw.

    usable, known : when each bar is usable, ascending, and when each row of the table was known, in µs
    What any bar since the row before reads of a row too early, be it by a microsecond, a cut after that last bar shows.
    A draw has such last bars only: where rows are dense, they are the bars at which others become known as well.
    """
    first = np.unique(np.searchsorted(usable, known))
    before = first[first > 0] - 1
    if before.size > most:
        return drawn(before, most, rng)
    return np.union1d(before, first[first < usable.size])


def drawn(rows: Numbers, most: int, rng: np.random.Generator) -> Numbers:
    """The rows if there are at most so many, otherwise a random one out of each of so many equal stretches of them."""
    if rows.size <= most:
        return rows
    bounds = np.linspace(0, rows.size, most + 1).astype(np.int64)
    return rows[rng.integers(bounds[:-1], bounds[1:])]


def spread(rows: Sequence[int] | Numbers, most: int) -> Numbers:
    """At most so many of the rows, evenly taken, the first and the last among them."""
    rows = np.asarray(rows, dtype=np.int64)
    if rows.size <= most:
        return rows
    return rows[np.unique(np.linspace(0, rows.size - 1, most).round().astype(np.int64))]


def _before_known(features: pl.DataFrame) -> Numbers:
    """The last unknown row of each column's warm-up."""
    first = {column.is_not_null().arg_max() for column in features if column.null_count() < len(column)}
    return np.array(sorted(row - 1 for row in first if row), dtype=np.int64)


def _moves(bars: pl.DataFrame) -> Numbers:
    """The rows before the largest relative moves of the close, sorted; none without a close."""
    if "close" not in bars.columns or bars.height < 2:
        return np.empty(0, dtype=np.int64)
    moves = bars.get_column("close").cast(pl.Float64).pct_change().abs().fill_null(0.0).to_numpy()[1:]
    return np.sort(np.argsort(np.nan_to_num(moves))[-_EACH:]).astype(np.int64)
