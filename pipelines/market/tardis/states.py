"""From the changes of both sides to ORDER_BOOK rows: which states are told, in which order, and which are not known.

A state that is not known (an invalid or a crossed book) is a row without levels, so that the state before it
does not seem to stand; two equal states in a row are told once.
"""

from datetime import timedelta

import numpy as np
import polars as pl

from pipelines.market.schemas import BOOK_LEVELS, ORDER_BOOK
from pipelines.market.tardis.book_side import Changes
from pipelines.market.tardis.groups import Bools, Floats, Ints
from pipelines.market.tardis.spans import Counted

NONE = np.full((1, 2 * BOOK_LEVELS), np.nan)
MICROSECOND = timedelta(microseconds=1)
BEFORE = -0.5
"""Place of a mark between a group and the one before it."""


class States:
    """What was told last, and what waits for the end of its interval."""

    def __init__(self, every: timedelta | None, tell_unknown: bool, counted: Counted) -> None:
        """`tell_unknown`: rows without levels where the book is not known; False: no row."""
        self.every = every // MICROSECOND if every is not None else 0
        self.tell_unknown, self.counted = tell_unknown, counted
        self.crossed = self.told = 0  # states; of the crossed ones those that are counted
        self._sides = [NONE, NONE]
        self._last = np.hstack([NONE, NONE])
        self._waiting = (np.empty((0, 2), np.int64), np.empty((0, 4 * BOOK_LEVELS)))

    def rows(
        self, changes: tuple[Changes, Changes], stamps: Ints, valid: Bools, unknown: Floats
    ) -> pl.DataFrame:
        """ORDER_BOOK rows of some groups.

        stamps : (groups + 1, 2) exchange and local time, of the group before the first in row 0
        valid : (groups,) whether the book is known at the end of the group
        unknown : numbers of groups after which (n + 1 + BEFORE) or in which (n) the book became unknown
        """
        groups = np.union1d(*(np.asarray(side.groups, np.int64) for side in changes))
        groups = groups[valid[groups]]
        levels = np.hstack([self._standing(number, side, groups) for number, side in enumerate(changes)])
        crossed = levels[:, 0] >= -levels[:, 2 * BOOK_LEVELS]  # keys: an ask's is negative
        self.crossed += self.counted.many(stamps[groups[crossed] + 1, 0])
        places = groups.astype(float)
        if self.tell_unknown:
            levels[crossed] = np.nan
            places = np.append(places, unknown)
            levels = np.vstack([levels, np.full((len(unknown), levels.shape[1]), np.nan)])
            order = np.argsort(places, kind="stable")
            places, levels = places[order], levels[order]
        else:
            places, levels = places[~crossed], levels[~crossed]
        new = self._differs(levels)
        return self._told(stamps[np.floor(places[new]).astype(int) + 1], levels[new])

    def rest(self) -> pl.DataFrame:
        """The row that waited for the end of its interval."""
        stamps, levels = self._waiting
        self._waiting = (stamps[:0], levels[:0])
        return _frame(stamps, levels)

    def _standing(self, number: int, side: Changes, groups: Ints) -> Floats:
        """Best levels of a side at the end of each group: those of its last change."""
        table = np.vstack([self._sides[number], side.table()])
        self._sides[number] = table[-1:].copy()
        return table[np.searchsorted(np.asarray(side.groups, np.int64), groups, "right")]

    def _differs(self, levels: Floats) -> Bools:
        if not len(levels):
            return np.empty(0, np.bool_)
        before = np.vstack([self._last, levels[:-1]])
        self._last = levels[-1:].copy()
        same: Bools = ((levels == before) | (np.isnan(levels) & np.isnan(before))).all(axis=1)
        return ~same

    def _told(self, stamps: Ints, levels: Floats) -> pl.DataFrame:
        if self.every:
            stamps = np.vstack([self._waiting[0], stamps])
            levels = np.vstack([self._waiting[1], levels])
            interval = stamps[:, 1] // self.every
            ends = np.append(np.diff(interval) != 0, np.zeros(min(1, len(interval)), np.bool_))
            self._waiting = (stamps[-1:], levels[-1:])
            stamps, levels = stamps[ends], levels[ends]
        self.told += len(stamps)
        return _frame(stamps, levels)


def _frame(stamps: Ints, levels: Floats) -> pl.DataFrame:
    """ORDER_BOOK from (rows, 2) times and (rows, 4 × levels): bid keys and amounts, ask keys and amounts."""
    columns: dict[str, Ints | Floats] = {"time": stamps[:, 0], "local_time": stamps[:, 1]}
    for number, (side, sign) in enumerate((("bid", 1.0), ("ask", -1.0))):
        start = 2 * BOOK_LEVELS * number
        for level in range(BOOK_LEVELS):
            columns[f"{side}_price_{level + 1}"] = sign * levels[:, start + level]
            columns[f"{side}_amount_{level + 1}"] = levels[:, start + BOOK_LEVELS + level]
    frame = pl.DataFrame({name: np.ascontiguousarray(columns[name]) for name in ORDER_BOOK})
    return frame.with_columns(pl.selectors.float().fill_nan(None)).cast(ORDER_BOOK)  # type: ignore[arg-type]
