"""What every exchange's reader shares: one symbol's messages in, tables out. Message shapes are the exchanges'.

A reader is fed message by message and may be drained at any time, so that a day need not fit in memory; what it
knows about sequences survives the drain.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar

from pipelines.market.native.book_updates import BookUpdates
from pipelines.market.native.fields import flaw_of, micros, whole
from pipelines.market.native.gathered import QUOTES, Normalised, Refused, table
from pipelines.market.native.shapes import Shape, Shapes
from pipelines.market.native.stamps import Stamp, Stamps
from pipelines.market.native.trade_rows import Trades

UNREADABLE = (KeyError, TypeError, ValueError, IndexError, AttributeError)
"""What reading a message of another shape than expected raises."""


class Reader:
    """Messages of one symbol of one exchange; a subclass says what they mean."""

    exchange: ClassVar[str]
    dense_ids: ClassVar[bool] = False

    def __init__(self, symbol: str, window: tuple[datetime, datetime], file: str) -> None:
        """`symbol` as the exchange spells it; `window`: exchange times lie in [start, end); `file` names rows."""
        self.symbol = symbol
        self.refused, self.stamps = Refused(file), Stamps(window)
        self.trades = Trades(self.refused, self.stamps, self.dense_ids)
        self.book = BookUpdates(self.refused, self.stamps)
        self.shapes = Shapes()
        self.unreadable = self.quoted = 0
        self._quotes: list[tuple[Any, ...]] = []
        self._drained = (0,) * 8

    def feed(self, line: int, local_time: datetime | None, message: Any) -> None:
        """One message with its 1-based number; None means that the connection was lost, text that it is no JSON."""
        local = None if local_time is None else micros(local_time)
        if message is None:
            self.disconnected()
            return
        shape = Shape.READ
        if isinstance(message, str):
            self.unread(line, "is not JSON", message)
        else:
            try:
                shape = self.read(line, local, message)
            except UNREADABLE as error:
                self.unread(line, f"is no message of {self.exchange}: {error!r}"[:120], message)
        self.shapes.see(shape, message)

    def read(self, line: int, local: int | None, message: Any) -> Shape:
        """Take what belongs to the symbol, and say what kind of message it was.

        Anything in UNREADABLE may be raised before the first row is taken.
        """
        raise NotImplementedError

    def disconnected(self) -> None:
        """Updates were missed: the book is unknown until the next snapshot."""
        self.book.lose("the connection was lost")

    def close(self) -> None:
        """No message follows: what still waits for a snapshot is counted as unusable."""

    def unread(self, line: int, reason: str, message: Any) -> None:
        """Set a whole message aside."""
        self.unreadable += 1
        self.refused.add(
            line, reason, message if isinstance(message, str) else json.dumps(message, default=str)
        )

    def unread_book(self, line: int, reason: str, message: Any) -> None:
        """Set a book message aside; the book is lost with it."""
        self.unread(line, reason, message)
        self.book.lose(f"message {line} could not be read")

    def quote(self, line: int, stamp: Stamp, update_id: Any, *values: Any) -> None:
        """One best quote: bid price, bid amount, ask price, ask amount."""
        self.quoted += 1
        flaw = self.stamps.flaw_of(stamp) or next(
            filter(
                None, (flaw_of(value, name) for value, name in zip(values, list(QUOTES)[3:], strict=True))
            ),
            None,
        )
        if flaw is None:
            self._quotes.append((*stamp, whole(update_id), *(float(value) for value in values)))
        else:
            self.refused.add(line, flaw, (*stamp, *values))

    @property
    def sent(self) -> int:
        """Trades, levels, quotes and unreadable messages so far."""
        return self.trades.sent + self.book.sent + self.quoted + self.unreadable

    def drain(self) -> Normalised:
        """Everything since the last drain; `invalid` is of the whole reading so far."""
        counts = (
            self.sent,
            self.book.levels,
            self.book.unusable,
            self.trades.repeats,
            self.trades.missing_ids,
            self.trades.out_of_order,
            self.shapes.messages,
            self.shapes.unknown,
        )
        sent, levels, unusable, repeats, missing, late, messages, unknown = (
            now - before for now, before in zip(counts, self._drained, strict=True)
        )
        self._drained = counts
        rows, self._quotes = self._quotes, []
        return Normalised(
            trades=self.trades.drain(),
            updates=self.book.drain(),
            quotes=table(rows, QUOTES),
            quarantine=self.refused.drain(),
            invalid=self.book.invalid(),
            sent=sent,
            levels=levels,
            unusable=unusable,
            repeats=repeats,
            missing_ids=missing,
            out_of_order=late,
            messages=messages,
            unknown=unknown,
            first=self.shapes.first_unknown or self.shapes.first,
        )


def levels_of(sides: Mapping[str, Iterable[Any]]) -> list[tuple[str, Any, Any]]:
    """`[price, amount, …]` lists by side as levels."""
    return [(side, entry[0], entry[1]) for side, entries in sides.items() for entry in entries]
