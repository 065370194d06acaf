"""One side of an order book under a stream of level changes. Grouping, resets and gaps are groups.py and books.py.

Plain Python on purpose: a dictionary of levels and a sorted list of their keys, best level last, so that the busy
end of the list is the cheap one. Keys are the prices themselves for bids and their negatives for asks; a decimal
has one float64, so equal prices are equal keys.
"""

from array import array
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from math import inf, nan

import numpy as np
from numpy.typing import NDArray

BULK = 64
"""Rows from which sorting anew is cheaper than inserting one by one."""


@dataclass
class Changes:
    """The best levels after each group that may have changed them."""

    depth: int
    groups: list[int] = field(default_factory=list)  # never falling; of equal ones the last counts
    levels: "array[float]" = field(
        default_factory=lambda: array("d")
    )  # depth keys, then depth amounts; NaN: none
    unknown: list[int] = field(default_factory=list)  # groups of removals of a level that was not there

    def table(self) -> NDArray[np.float64]:
        """Array (changes, 2 × depth): keys, best first, then amounts."""
        return np.frombuffer(self.levels, np.float64).reshape(-1, 2 * self.depth)


class BookSide:
    """All levels of one side."""

    def __init__(self, depth: int) -> None:
        """`depth`: levels that are reported."""
        self.depth = depth
        self.amounts: dict[float, float] = {}
        self.order: list[float] = []

    def clear(self, group: int, out: Changes) -> None:
        """Forget every level."""
        self.amounts.clear()
        self.order.clear()
        self.report(group, out)

    def report(self, group: int, out: Changes) -> None:
        """Write the best levels down."""
        best = self.order[: -self.depth - 1 : -1]
        out.groups.append(group)
        out.levels.extend(best)
        if len(best) == self.depth:
            out.levels.extend(map(self.amounts.__getitem__, best))
            return
        none = [nan] * (self.depth - len(best))
        out.levels.extend(none)
        out.levels.extend(map(self.amounts.__getitem__, best))
        out.levels.extend(none)

    def fill(self, keys: list[float], amounts: list[float], group: int, out: Changes) -> None:
        """Many levels of one group at once, in their order."""
        self.amounts.update(zip(keys, amounts, strict=True))
        for key in [key for key, amount in self.amounts.items() if not amount]:
            del self.amounts[key]
        self.order = sorted(self.amounts)
        self.report(group, out)

    def apply(self, keys: list[float], amounts: list[float], groups: list[int], out: Changes) -> None:
        """Set (amount > 0) or remove (amount 0) levels in order; report at the end of a group that touched the best."""
        levels, order, depth = self.amounts, self.order, self.depth
        floor = order[-depth] if len(order) >= depth else -inf
        touched = -1  # the group with a change among the best that is not yet reported
        for key, amount, group in zip(keys, amounts, groups, strict=True):
            if touched >= 0 and group != touched:
                self.report(touched, out)
                touched = -1
                floor = order[-depth] if len(order) >= depth else -inf
            if amount:
                if key not in levels:
                    insort(order, key)
                levels[key] = amount
            elif key in levels:
                del levels[key]
                del order[bisect_left(order, key)]
            else:
                out.unknown.append(group)
                continue
            if key >= floor:
                touched = group
        if touched >= 0:
            self.report(touched, out)
