"""Book updates of one symbol, and the spans in which they say nothing. Sequence rules are the exchanges' own.

A book is known from a snapshot on until an update is missing or cannot be read; from then to the next snapshot
nothing is passed on, and the span is reported. Rebuilding the levels is pipelines/market/tardis.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from pipelines.market.native.fields import as_text, flaw_of
from pipelines.market.native.gathered import INVALID, UPDATES, Refused, table
from pipelines.market.native.stamps import Stamp, Stamps
from pipelines.market.schemas import ORDER_BOOK

Level = tuple[str, Any, Any]
"""Side (bid | ask), price, amount; as the message has them."""
Row = tuple[int, int | None, bool, str, str, str]


class BookUpdates:
    """Accepted updates since the last drain, whether the book is known, and since when it is not."""

    def __init__(self, refused: Refused, stamps: Stamps) -> None:
        self.refused, self.stamps = refused, stamps
        self.known = False
        self.sent = self.levels = self.unusable = 0
        self._rows: list[Row] = []
        self._spans: list[tuple[int, int, str]] = []
        self._lost: tuple[int, str] | None = None
        self._last = self._newest = 0
        self._snapshot_row: Row | None = None

    def snapshot(self, line: int, stamp: Stamp, levels: Sequence[Level]) -> bool:
        """The whole book; True when it could be read, and the book is known from here on."""
        rows = self._read(line, stamp, levels, True, "a snapshot")
        if rows is None:
            return False
        time = rows[0][0] if rows else int(stamp[0] or 0)
        if self._lost is not None:
            start, reason = self._lost
            self._spans.append((start, max(time, start + 1), reason))
            self._lost = None
        if self._snapshot_row is not None:
            # two snapshots in a row would be taken for one: this says again what the first one said
            self._rows.append(self._snapshot_row)
        self.known, self._last = True, time
        self._rows.extend(rows)
        self._snapshot_row = (*rows[-1][:2], False, *rows[-1][3:]) if rows else None
        return True

    def change(self, line: int, stamp: Stamp, levels: Sequence[Level]) -> bool:
        """Levels that changed; True when they were passed on."""
        if not self.known:
            self.drop(len(levels), stamp)
            return False
        rows = self._read(line, stamp, levels, False, "an update")
        if rows is None:
            return False
        if rows:
            self._rows.extend(rows)
            self._last, self._snapshot_row = rows[0][0], None
        return True

    def remove(self, stamp: Stamp, levels: Sequence[Level]) -> None:
        """Levels that fell out of the book without a word of the venue: no rows that it sent."""
        self._rows.extend(
            (int(stamp[0] or 0), stamp[1], False, side, str(price), "0") for side, price, _ in levels
        )
        self._snapshot_row = None

    def drop(self, levels: int, stamp: Stamp) -> None:
        """Levels that no snapshot carries, or that the snapshot already has."""
        self.sent += levels
        self.unusable += levels
        self._see(stamp)

    def lose(self, reason: str) -> None:
        """From the last update on the book is not known; says so once."""
        if self.known:
            self.known, self._lost = False, (self._last + 1, reason)

    def drain(self) -> pl.DataFrame:
        """UPDATES since the last drain."""
        rows, self._rows = self._rows, []
        return table(rows, UPDATES)

    def invalid(self) -> pl.DataFrame:
        """INVALID so far; a span that is still open ends with the last message."""
        still = (
            []
            if self._lost is None
            else [(self._lost[0], max(self._newest, self._lost[0]) + 1, self._lost[1])]
        )
        return table([*self._spans, *still], INVALID)

    def _read(
        self, line: int, stamp: Stamp, levels: Sequence[Level], snapshot: bool, what: str
    ) -> list[Row] | None:
        """The rows of a message, or None when one of them cannot be read: then the book is lost."""
        self._see(stamp)
        self.sent += len(levels)
        time, local = stamp
        late = self.stamps.flaw_of(stamp)
        rows: list[Row] = []
        bad = 0
        for side, price, amount in levels:
            flaw = late or flaw_of(price, "price") or flaw_of(amount, "amount", may_be_zero=True)
            if flaw is not None or time is None:
                bad += 1
                self.refused.add(line, flaw or "is no level", (time, side, as_text(price), as_text(amount)))
            else:
                rows.append((time, local, snapshot, side, str(as_text(price)), str(as_text(amount))))
        if bad or time is None:
            self.unusable += len(rows)
            self.lose(f"{what} in message {line} could not be read")
            return None
        self.levels += len(rows)
        return rows

    def _see(self, stamp: Stamp) -> None:
        if self.stamps.flaw_of(stamp) is None:
            self._newest = max(self._newest, stamp[0] or 0)


def invalidate(book: pl.DataFrame, invalid: pl.DataFrame) -> pl.DataFrame:
    """ORDER_BOOK without the states inside INVALID spans, and an empty state where each span starts.

    An empty state keeps the last known one from being carried into the span.
    """
    inside = [
        pl.col("time").is_between(start, end, closed="left")
        for start, end in invalid.select("time", "end").iter_rows()
    ]
    if not inside:
        return book
    empty = invalid.select(
        "time", *(pl.lit(None, dtype).alias(name) for name, dtype in ORDER_BOOK.items() if name != "time")
    )
    return pl.concat([book.filter(~pl.any_horizontal(inside)), empty]).sort("time", maintain_order=True)
