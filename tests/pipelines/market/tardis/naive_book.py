"""A book as two dictionaries, sorted anew for every group: slow, short, and nothing shared with the real one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

LEVELS = 10
Row = tuple[int, int, bool, int, float, float, int]
"""Exchange time, local time, is_snapshot, side, price, amount, line."""
State = tuple[tuple[float, float], ...]


@dataclass
class Told:
    time: int
    local: int
    bids: State
    asks: State


def naive(rows: Sequence[Row], lost: Sequence[int] = ()) -> tuple[list[Told], int]:
    """States told (none where the book is not known), and how many groups ended crossed after a change."""
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    known = before_was_snapshot = False
    told: list[Told] = []
    previous: object = ((), ())
    line_before = 0
    crossed = 0
    for local, grouped in groupby(rows, key=lambda row: row[1]):
        group = list(grouped)
        for _, _, snapshot, side, price, amount, line in group:
            if snapshot and not before_was_snapshot:
                bids.clear()
                asks.clear()
                known = True
            if any(line_before < number < line for number in lost):
                known = False
            before_was_snapshot, line_before = snapshot, line
            levels = bids if side > 0 else asks
            levels[price] = amount
            if not amount:
                del levels[price]
        after = next((row[6] for row in rows if row[6] > line_before), 10**9)
        if any(line_before < number < after for number in lost):
            known = False
        best = (tuple(sorted(bids.items(), reverse=True)[:LEVELS]), tuple(sorted(asks.items())[:LEVELS]))
        if not known:
            continue
        if bids and asks and best[0][0][0] >= best[1][0][0]:
            crossed += 1
            continue
        if best != previous:
            told.append(Told(group[-1][0], local, *best))
            previous = best
    return told, crossed
