"""Book updates as arrays: which rows are applied together, where the book starts anew, where it cannot be known.

Rows that share a local_timestamp are one group. `is_snapshot` after a row that is none discards the book.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
BACKWARDS = "local_timestamp runs backwards"
LOST = "line {} is quarantined"


@dataclass(frozen=True)
class Updates:
    """Rows in the order of the file; all arrays (rows,)."""

    local: Ints  # µs
    time: Ints  # µs
    group: Ints  # 0, 1, ... by local time
    bid: Bools
    key: Floats  # the price, negative for asks
    amount: Floats
    snapshot: Bools

    @property
    def last_of_group(self) -> Ints:
        """Row number of the last row of each group."""
        return np.append(np.flatnonzero(np.diff(self.group)), len(self.group) - 1)

    def resets(self, after_snapshot: bool, every_group: bool) -> Ints:
        """Rows before which the book is discarded; the row before the first one was a snapshot's or not."""
        before = np.append(after_snapshot, self.snapshot[:-1])
        found = self.snapshot & ~before
        if every_group:
            found |= self.snapshot & np.append(True, np.diff(self.group) != 0)
        return np.flatnonzero(found)


def updates_of(rows: pl.DataFrame) -> Updates:
    """Arrays of BOOK_UPDATES rows (at least one); the exchange's time stands in where no local time was recorded."""
    local = rows["local_time"].fill_null(rows["time"]).to_physical().to_numpy()
    bid = (rows["side"] > 0).to_numpy()
    price = rows["price"].to_numpy()
    return Updates(
        local=local,
        time=rows["time"].to_physical().to_numpy(),
        group=np.append(0, np.cumsum(np.diff(local) != 0)),
        bid=bid,
        key=np.where(bid, price, -price),
        amount=rows["amount"].to_numpy(),
        snapshot=rows["is_snapshot"].to_numpy(),
    )


@dataclass(frozen=True)
class Event:
    """From `group` on the book is known (no reason) or not; `row` is where that shows."""

    row: int
    group: int
    time: int  # exchange time from which it holds, µs
    reason: str = ""


def events_of(
    updates: Updates, resets: Ints, lines: Ints, lost: Sequence[int], before: int | None
) -> list[Event]:
    """Resets, lost lines and steps back in time, in the order in which they count.

    A lost line may have belonged to the group above it or to the one below, so it spoils both.
    lines : (rows,) line numbers; before : local time of the group before the first row
    """
    local, last = updates.local, len(updates.local) - 1
    back = np.flatnonzero(np.append(before is not None and local[0] < before, np.diff(local) < 0))
    above = np.searchsorted(lines, np.asarray(lost, dtype=np.int64)) - 1
    found = [(row, 0, row, BACKWARDS) for row in back.tolist()]
    found += [(row, 1, row, "") for row in resets.tolist()]
    found += [
        (row + 1, 2, max(row, 0), LOST.format(line)) for row, line in zip(above.tolist(), lost, strict=True)
    ]
    found.sort()
    return [
        Event(min(row, last), int(updates.group[spoiled]), int(updates.time[spoiled]), reason)
        for row, _, spoiled, reason in found
    ]
