"""One market with many futures at once: copies of it weeks apart in one long series, each cut after another row.

One call of the function looks at as many cuts as there are copies, each with the whole past and the whole future of
the market. For features of any source; independent of the detector, which this checks too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl

WAYS = ("times 1e6", "times 1e-6", "another market", "reversed", "lost", "after a gap")
"""What is done to the future; all leave the shape as it is."""
_APART = timedelta(weeks=8) // timedelta(microseconds=1)
_DAY = timedelta(days=1) // timedelta(microseconds=1)
_TOGETHER = 25  # copies in a series

Compute = Callable[..., pl.DataFrame]


@dataclass(frozen=True)
class Known:
    """A frame whose first column is its time, and when each row was known, microseconds, ascending, (N,)."""

    frame: pl.DataFrame
    at: np.ndarray


def changed_pasts(
    compute: Compute, bars: Known, tables: Mapping[str, Known], usable: np.ndarray, way: str
) -> list[tuple[int, str]]:
    """Every (row, column) of compute(bars, **tables) in which some bit up to the row depends on what was known later.

    usable : when each bar was usable, microseconds, (N,); every row is cut after, except the last.
    """
    whole = compute(bars.frame, **{name: table.frame for name, table in tables.items()}).drop("open_time")
    expected = _bits(whole)
    rows = bars.frame.height
    found = []
    for first in range(0, rows - 1, _TOGETHER):
        cuts = np.arange(first, min(first + _TOGETHER, rows - 1))
        many = {name: _futures(table, usable[cuts], way) for name, table in tables.items()}
        got = compute(_futures(bars, usable[cuts], way), **many).drop("open_time")
        bits = _bits(got).reshape(cuts.size, rows, whole.width)
        past = np.arange(rows) <= cuts[:, None]
        for place, column in np.argwhere(((bits != expected) & past[..., None]).any(axis=1)):
            found.append((int(cuts[place]), whole.columns[column]))
    return found


def _futures(table: Known, usable: np.ndarray, way: str) -> pl.DataFrame:
    """The copies of a table, one for each moment after which it is changed."""
    time, *others = table.frame.columns
    later = table.at > usable[:, None]
    moved = table.frame[time].to_physical().to_numpy() + _APART * np.arange(usable.size)[:, None]
    if way == "after a gap":
        moved = moved + _DAY * later
    columns: dict[str, np.ndarray] = {time: moved.ravel()}
    for name in others:
        kept = way == "lost" and name in ("open", "high", "low", "close", "volume")  # a bar has prices
        values = table.frame[name].cast(pl.Float64).to_numpy()
        columns[name] = (
            np.tile(values, usable.size) if kept else _changed(values, later, way, crc(name)).ravel()
        )
    return pl.DataFrame(columns, nan_to_null=True).cast(table.frame.schema)


def crc(name: str) -> int:
    """A seed that is the same for a name in every run."""
    return sum(ord(letter) << (k % 16) for k, letter in enumerate(name))


def _changed(values: np.ndarray, later: np.ndarray, way: str, seed: int) -> np.ndarray:
    """Copies of a column, (K, N), changed where later, which is the end of each row."""
    rng, size = np.random.default_rng(seed), values.size
    row = np.arange(size)
    ways = {
        "times 1e6": lambda: values * 1e6,
        "times 1e-6": lambda: values * 1e-6,
        "another market": lambda: rng.permutation(values) * np.exp(rng.normal(0.0, 1.0, size)),
        "reversed": lambda: values[np.where(later, size - later.sum(axis=1)[:, None] + size - 1 - row, row)],
        "lost": lambda: np.full(size, np.nan),
        "after a gap": lambda: values,
    }
    return np.where(later, ways[way](), values)


def _bits(table: pl.DataFrame) -> np.ndarray:
    """(N, F) of uint64; null is one NaN."""
    return np.ascontiguousarray(table.to_numpy()).view(np.uint64)


def times(moments: Sequence[object] | pl.Series) -> np.ndarray:
    """Moments as microseconds since 1970."""
    return pl.Series(moments).cast(pl.Datetime("us", "UTC")).to_physical().to_numpy()
