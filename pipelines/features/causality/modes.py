"""What is done to the future: eight ways, because each has a blind spot that another has not.

A factor common to all later prices hides from returns between them, a permutation from sums, a missing row from
whoever looks two rows ahead. Times never change except where the mode is about time. Where the cut lies is
cuts.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
import polars.selectors as cs
from numpy.typing import NDArray

from pipelines.market.schemas import CANDLES

Rows = NDArray[np.bool_]
Change = Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]

_PRICES = ("open", "high", "low", "close")
_NUMBERS = cs.float() | cs.integer()


@dataclass(frozen=True)
class Mode:
    """One way to change the later rows of a table."""

    name: str  # completes "future …"
    change: Change  # later rows → as many rows with the same columns
    keep: Callable[[int], Rows] | None = None  # which of so many later rows stay; all when None

    @property
    def same_shape(self) -> bool:
        """True when no row is taken away: then equality can be demanded to the last bit."""
        return self.keep is None


def perturbed(
    frame: pl.DataFrame, later: Rows, mode: Mode, rng: np.random.Generator
) -> tuple[pl.DataFrame, Rows]:
    """The frame with its later rows changed, every other row in its place, and which rows are still there, (N,)."""
    kept = ~later
    kept[later] = True if mode.keep is None else mode.keep(int(later.sum()))
    past, rest = np.flatnonzero(~later), np.flatnonzero(later & kept)
    changed = mode.change(_rows(frame, rest), rng)
    if changed.schema != frame.schema:
        changed = changed.cast(frame.schema)
    together = pl.concat([_rows(frame, past), changed])
    place = np.concatenate([past, rest])
    return (together if (np.diff(place) > 0).all() else together[np.argsort(place)]), kept


def _rows(frame: pl.DataFrame, rows: NDArray[np.int64]) -> pl.DataFrame:
    """Rows by number, sorted; neighbours are shared, not copied."""
    if rows.size and rows[-1] - rows[0] + 1 == rows.size:
        return frame.slice(int(rows[0]), rows.size)
    return frame[rows]


def _same(rest: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return rest


def _times(factor: float) -> Change:
    def change(rest: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
        floats = cs.float() * factor
        whole = [  # an integer that its type cannot hold stays what it was
            (pl.col(name) * factor).cast(kind, strict=False).fill_null(pl.col(name))
            for name, kind in rest.schema.items()
            if kind.is_integer()
        ]
        return rest.with_columns(floats, *whole)

    return change


def _another_market(rest: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The rows in another order; prices times one random walk, any other float times its own e^z."""
    shuffled = _reordered(rest, rng.permutation(rest.height))
    walk = np.exp(rng.normal(0.0, 0.5) + np.cumsum(rng.normal(0.0, 0.02, rest.height)))
    floats = rest.select(cs.float()).columns
    factors = {name: walk if name in _PRICES else np.exp(rng.normal(size=rest.height)) for name in floats}
    return shuffled.with_columns(pl.col(name) * pl.Series(factor) for name, factor in factors.items())


def _reversed(rest: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return _reordered(rest, np.arange(rest.height)[::-1])


def _reordered(rest: pl.DataFrame, order: NDArray[np.int64]) -> pl.DataFrame:
    """Everything but the times in another order."""
    return rest.with_columns(rest.select(~cs.temporal())[order])


def _ticks_lost(rest: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    numbers = [name for name in rest.select(_NUMBERS).columns if name not in CANDLES]
    return rest.with_columns(pl.lit(None).alias(name) for name in numbers)


def _after_a_gap(rest: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return rest.with_columns((cs.datetime() | cs.date()) + timedelta(days=1))


UP = Mode("times 1e6", _times(1e6))
DOWN = Mode("times 1e-6", _times(1e-6))
OTHER = Mode("another market", _another_market)
AFTER_A_GAP = Mode("after a gap", _after_a_gap)
MODES = (
    UP,
    OTHER,
    DOWN,
    Mode("cut off", _same, keep=lambda rows: np.zeros(rows, dtype=np.bool_)),
    Mode("reversed", _reversed),
    Mode("without ticks", _ticks_lost),
    AFTER_A_GAP,
    Mode("every other row lost", _same, keep=lambda rows: np.arange(rows) % 2 == 1),
)
"""Every mode. The first three change every number, each by another rule: pieces that get one mode only get these."""
