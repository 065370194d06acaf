"""Order books rebuilt from level updates: one snapshot of the best levels for each group that changed them.

A book is known from a snapshot on, until a row is lost, the recorder disconnects or its time runs backwards; from
there to the next snapshot it is invalid. Crossed and locked states are never told, only counted. One side's levels
are book_side.py, the rows that come out are states.py, whole files are rebuilding.py.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl

from pipelines.market.schemas import BOOK_LEVELS, ORDER_BOOK
from pipelines.market.tardis.book_side import BULK, BookSide, Changes
from pipelines.market.tardis.groups import Bools, Event, Floats, Ints, Updates, events_of, updates_of
from pipelines.market.tardis.layouts import BOOK_UPDATES
from pipelines.market.tardis.spans import Counted, Span, Spans
from pipelines.market.tardis.states import BEFORE, States
from pipelines.market.text_table import LINE

NO_SNAPSHOT = "no snapshot came before"
RECONNECTED = "the recorder started anew from a snapshot"


class BookBuilder:
    """Feeds on BOOK_UPDATES in the order of the file, gives ORDER_BOOK rows in the order of local time.

    What it knows is carried over blocks and days: the same rows give the same books however they are cut. Where
    the book becomes unknown there is one row without levels.
    """

    def __init__(
        self,
        *,
        every: timedelta | None = None,
        snapshots_replace: bool = False,
        tell_unknown: bool = True,
        counted: tuple[datetime, datetime] | None = None,
    ) -> None:
        """`every`: at most one row per so much local time, the last of it; all of them when left out.

        snapshots_replace : each group of snapshot rows is a whole book, for feeds that send nothing else
        tell_unknown : False leaves out the rows without levels
        counted : [start, end) of exchange time in which crossed states and unknown removals are counted; all of it
        """
        self.counted = Counted.of(counted)
        self.spans, self.states = Spans(), States(every, tell_unknown, self.counted)
        self.unknown_removals = 0  # of levels that were not there: normal where a venue's feed is deeper
        self.snapshots_replace = snapshots_replace
        self._sides = (BookSide(BOOK_LEVELS), BookSide(BOOK_LEVELS))  # bids, asks
        self._held = pl.DataFrame(schema={**BOOK_UPDATES, LINE: pl.Int64})
        self._lost: list[int] = []
        self._known = self._after_snapshot = False
        self._day_begins = True
        self._stamp: tuple[int, int] | None = None  # exchange and local time of the last group

    @property
    def invalid(self) -> list[Span]:
        """Spans in which the book was not known, up to the last group."""
        return self.spans.until(self._stamp[0] if self._stamp else None)

    def feed(self, rows: pl.DataFrame, lost: Iterable[int] = ()) -> pl.DataFrame:
        """ORDER_BOOK of the groups that are complete; the last group waits for what follows.

        rows : BOOK_UPDATES and LINE; lost : numbers of quarantined lines among them
        """
        rows = pl.concat([self._held, rows])
        self._lost.extend(lost)
        if rows.is_empty():
            return pl.DataFrame(schema=ORDER_BOOK)
        local = rows["local_time"].fill_null(rows["time"]).to_physical().to_numpy()
        before_last = np.flatnonzero(local != local[-1])
        whole = int(before_last[-1]) + 1 if len(before_last) else 0
        self._held = rows[whole:]
        return self._apply(rows[:whole], int(self._held[LINE][0]))

    def end_of_day(self) -> pl.DataFrame:
        """The rest of a file; the next one begins with a snapshot of its own, or its book is not known."""
        told = self._flush()
        self._after_snapshot, self._day_begins = False, True
        return told

    def disconnect(self, reason: str = "the recorder was disconnected") -> pl.DataFrame:
        """The rest so far; from its last group on the book is not known until the next snapshot."""
        told = [self._flush()]
        if self._stamp is not None and self._known:
            self.spans.open(self._stamp[0], reason)
            none = (Changes(BOOK_LEVELS), Changes(BOOK_LEVELS))
            told.append(
                self.states.rows(none, np.array([self._stamp]), np.empty(0, np.bool_), np.array([BEFORE]))
            )
        self._known = self._after_snapshot = False
        return pl.concat(told)

    def finish(self) -> pl.DataFrame:
        """Everything that is still held."""
        return pl.concat([self.end_of_day(), self.states.rest()])

    def _flush(self) -> pl.DataFrame:
        rows, self._held = self._held, self._held[:0]
        told = self._apply(rows, None)
        self._lost.clear()
        return told

    def _apply(self, rows: pl.DataFrame, next_line: int | None) -> pl.DataFrame:
        if rows.is_empty():
            return pl.DataFrame(schema=ORDER_BOOK)
        updates, lines = updates_of(rows), rows[LINE].to_numpy()
        lost = [line for line in self._lost if next_line is None or line < next_line]
        self._lost = [line for line in self._lost if line > lines[-1]]
        resets = updates.resets(self._after_snapshot, self.snapshots_replace)
        events = events_of(updates, resets, lines, lost, self._stamp[1] if self._stamp else None)
        if self._day_begins and not (len(resets) and resets[0] == 0):
            events.insert(0, Event(0, 0, int(updates.time[0]), NO_SNAPSHOT))
        valid, unknown = self._judge(updates, events)
        changes = self._change(updates, resets)
        ends = updates.last_of_group
        stamps = np.column_stack([updates.time[ends], updates.local[ends]])
        for side in changes:
            self.unknown_removals += self.counted.many(stamps[np.asarray(side.unknown, np.int64), 0])
        before = np.array([self._stamp or (0, 0)])
        self._after_snapshot, self._day_begins = bool(updates.snapshot[-1]), False
        self._stamp = (int(stamps[-1, 0]), int(stamps[-1, 1]))
        return self.states.rows(changes, np.vstack([before, stamps]), valid, unknown)

    def _judge(self, updates: Updates, events: list[Event]) -> tuple[Bools, Floats]:
        """Whether the book is known at the end of each group, and where it stops being so (see States.rows)."""
        valid = np.full(int(updates.group[-1]) + 1, self._known)
        unknown: list[float] = []
        for event in events:
            if event.reason:
                if self._known:
                    unknown.append(event.group)
                self.spans.open(event.time, event.reason)
            else:
                anew = (
                    self._known and not (self._day_begins and event.row == 0) and not self.snapshots_replace
                )
                if anew:
                    unknown.append(event.group + BEFORE)
                    self.spans.open(self._time_before(updates, event.group), RECONNECTED)
                self.spans.close(event.time)
            self._known = not event.reason
            valid[event.group :] = self._known
        marks = [mark + BEFORE if mark == int(mark) and valid[int(mark)] else mark for mark in unknown]
        return valid, np.asarray(sorted(marks), float)

    def _time_before(self, updates: Updates, group: int) -> int:
        if group:
            return int(updates.time[updates.last_of_group[group - 1]])
        return self._stamp[0] if self._stamp else int(updates.time[0])

    def _change(self, updates: Updates, resets: Ints) -> tuple[Changes, Changes]:
        bids = self._change_side(self._sides[0], updates, np.flatnonzero(updates.bid), resets)
        return bids, self._change_side(self._sides[1], updates, np.flatnonzero(~updates.bid), resets)

    def _change_side(self, side: BookSide, updates: Updates, mine: Ints, resets: Ints) -> Changes:
        """Apply a side's rows, one stretch between resets after the other."""
        out = Changes(BOOK_LEVELS)
        keys, amounts = updates.key[mine].tolist(), updates.amount[mine].tolist()
        groups = updates.group[mine].tolist()
        cuts = [0, *np.searchsorted(mine, resets).tolist(), len(mine)]
        for number, (start, end) in enumerate(pairwise(cuts)):
            if number:
                side.clear(int(updates.group[resets[number - 1]]), out)
            first = bisect_right(groups, groups[start], start, end) if start < end else start
            if not side.order and first - start >= BULK:
                side.fill(keys[start:first], amounts[start:first], groups[start], out)
                start = first
            side.apply(keys[start:end], amounts[start:end], groups[start:end], out)
        return out
