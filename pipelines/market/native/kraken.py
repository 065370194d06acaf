"""Kraken's websocket APIs: trade and book messages of one pair. The fields of the second API are kraken_second.py.

Books have no sequence numbers: updates carry a checksum of the ten best levels a side, so the book is kept
here and compared; a mismatch means that an update was lost. Levels beyond the subscribed depth fall out
of the book without a word, and are removed here. Trades of the first API have no id: they are numbered by arrival;
`b` and `s` is the side of the order that triggered the trade. Exchange time of the first API's update is that of its
youngest level; of a snapshot whose levels are all old, the recorder's time.
Source: https://docs.kraken.com/websockets (v1), "Calculate Checksum".
"""

from datetime import datetime
from typing import Any

from pipelines.market.native import kraken_second as second
from pipelines.market.native.fields import seconds_us, whole
from pipelines.market.native.kraken_book import KrakenBook
from pipelines.market.native.reader import UNREADABLE, Reader
from pipelines.market.native.shapes import Shape
from pipelines.market.native.stamps import Stamp
from pipelines.market.native.trade_rows import NUMBERED

SIDES = {"b": 1, "s": -1}
NAMES = {"as": "ask", "bs": "bid", "a": "ask", "b": "bid"}
OTHER_CHANNELS = ("ticker", "ohlc", "spread")
OLD = 10_000_000
"""Microseconds after which a snapshot is not dated by its youngest level: it tells of now, however quiet the pair."""


class Kraken(Reader):
    """Reader of one pair, spelled like XBT/USD (first API) or BTC/USD (second)."""

    exchange = "kraken"

    def __init__(self, symbol: str, window: tuple[datetime, datetime], file: str) -> None:
        super().__init__(symbol, window, file)
        self._book: KrakenBook | None = None
        self._by_arrival = False
        self.checked = self.mismatches = 0

    def read(self, line: int, local: int | None, message: Any) -> Shape:
        """See Reader: data messages of the first API are lists that end with the channel's name and the pair."""
        if isinstance(message, dict):
            return self._second(line, local, message)
        channel, pair = message[-2:]
        kind = str(channel).partition("-")[0]
        if kind not in ("trade", "book"):
            return Shape.OTHER if kind in OTHER_CHANNELS else Shape.UNKNOWN
        if pair == self.symbol:
            if kind == "trade":
                for trade in message[1]:
                    self._trade(line, local, trade)
            else:
                self._levels(line, local, message, str(channel))
        return Shape.READ

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
        self._by_arrival = True
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
        whole_book = "as" in parts or "bs" in parts
        if whole_book and local is not None and local - time > OLD:
            time = local
        self._apply(line, (time, local), levels, depth if whole_book else None, parts.get("c"))

    def _second(self, line: int, local: int | None, message: dict[str, Any]) -> Shape:
        channel = message.get("channel")
        if channel not in ("trade", "book") or "data" not in message:
            return second.other(message)
        for part in message["data"]:
            if part["symbol"] == self.symbol:
                if channel == "trade":
                    self._second_trade(line, local, part)
                else:
                    self._second_book(line, local, part, message.get("type") == "snapshot")
        return Shape.READ

    def _second_trade(self, line: int, local: int | None, part: dict[str, Any]) -> None:
        try:
            time, *rest = second.trade_of(part)
        except UNREADABLE as error:
            self.unread(line, f"is no trade: {error!r}"[:120], part)
            return
        self.trades.dense_ids = not self._by_arrival
        self.trades.add(line, (time, local), *rest)

    def _second_book(self, line: int, local: int | None, part: dict[str, Any], whole_book: bool) -> None:
        try:
            levels, time = second.levels_of_book(part), second.moment_of(part, local)
        except UNREADABLE as error:
            self.unread_book(line, f"is no book: {error!r}"[:120], part)
            return
        depth = second.depth_of(levels) if whole_book else None
        self._apply(line, (time, local), levels, depth, part.get("checksum"))

    def _apply(self, line: int, stamp: Stamp, levels: list[Any], depth: int | None, checksum: Any) -> None:
        """A snapshot of so many levels a side, or an update (None); then the comparison."""
        if depth is not None:
            taken = self.book.snapshot(line, stamp, levels)
            self._book = KrakenBook(depth) if taken else None
        else:
            taken = self.book.change(line, stamp, levels)
        if not taken or self._book is None:
            return
        for level in levels:
            self._book.set(*level)
        fallen = self._book.trim()
        if fallen:
            self.book.remove(stamp, fallen)
        self._check(checksum)

    def _check(self, checksum: Any) -> None:
        """Compare with the venue's checksum of the book after the update, where it sent one."""
        if checksum is None or self._book is None:
            return
        self.checked += 1
        if self._book.checksum() != whole(checksum):
            self.mismatches += 1
            self.book.lose(f"the book's checksum is not the venue's ({checksum})")
