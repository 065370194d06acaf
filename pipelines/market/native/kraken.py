"""Kraken's first websocket API: trade and book messages of one pair.

Books have no sequence numbers: each update carries a checksum of the ten best levels a side, so the book is kept
here and compared; a mismatch means that an update was lost. Levels beyond the subscribed depth fall out
of the book without a word, and are removed here. Trades have no id: they are numbered by arrival; `b` and `s` is
the side of the order that triggered the trade. Exchange time of an update is that of its youngest level.
Source: https://docs.kraken.com/websockets (v1), "Calculate Checksum".
"""

from datetime import datetime
from typing import Any

from pipelines.market.native.fields import seconds_us, whole
from pipelines.market.native.kraken_book import KrakenBook
from pipelines.market.native.reader import UNREADABLE, Reader
from pipelines.market.native.trade_rows import NUMBERED

SIDES = {"b": 1, "s": -1}
NAMES = {"as": "ask", "bs": "bid", "a": "ask", "b": "bid"}


class Kraken(Reader):
    """Reader of one pair, spelled like XBT/USD."""

    exchange = "kraken"

    def __init__(self, symbol: str, window: tuple[datetime, datetime], file: str) -> None:
        super().__init__(symbol, window, file)
        self._book: KrakenBook | None = None
        self.checked = self.mismatches = 0

    def read(self, line: int, local: int | None, message: Any) -> None:
        """See Reader: data messages are lists that end with the channel's name and the pair."""
        if not isinstance(message, list) or message[-1] != self.symbol:
            return
        channel = str(message[-2])
        if channel == "trade":
            for trade in message[1]:
                self._trade(line, local, trade)
        elif channel.startswith("book"):
            self._levels(line, local, message, channel)

    def disconnected(self) -> None:
        """See Reader."""
        super().disconnected()
        self._book = None

    def _trade(self, line: int, local: int | None, trade: Any) -> None:
        try:
            price, amount, time, side = trade[:4]
        except UNREADABLE as error:
            self.unread(line, f"is no trade: {error!r}"[:120], trade)
            return
        self.trades.add(line, (seconds_us(time), local), NUMBERED, SIDES.get(side), price, amount)

    def _levels(self, line: int, local: int | None, message: list[Any], channel: str) -> None:
        try:
            parts = {name: value for part in message[1:-2] for name, value in part.items()}
            entries = [
                (NAMES[name], *entry[:3]) for name, found in parts.items() if name != "c" for entry in found
            ]
            time = max((seconds_us(entry[3]) or 0 for entry in entries), default=0)
            depth = int(channel.partition("-")[2] or 10)
        except UNREADABLE as error:
            self.unread_book(line, f"is no book: {error!r}"[:120], message)
            return
        levels = [(side, price, amount) for side, price, amount, _ in entries]
        if "as" in parts or "bs" in parts:
            taken = self.book.snapshot(line, (time, local), levels)
            self._book = KrakenBook(depth) if taken else None
        else:
            taken = self.book.change(line, (time, local), levels)
        if not taken or self._book is None:
            return
        for level in levels:
            self._book.set(*level)
        fallen = self._book.trim()
        if fallen:
            self.book.remove((time, local), fallen)
        self._check(parts.get("c"))

    def _check(self, checksum: Any) -> None:
        """Compare with the venue's checksum of the book after the update, where it sent one."""
        if checksum is None or self._book is None:
            return
        self.checked += 1
        if self._book.checksum() != whole(checksum):
            self.mismatches += 1
            self.book.lose(f"the book's checksum is not the venue's ({checksum})")
