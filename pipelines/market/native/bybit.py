"""Bybit's public order-book archive: `orderbook.<depth>.<symbol>`, a snapshot, then deltas numbered by `u`.

Source: Bybit v5 "Orderbook": u goes up by one a delta; u = 1 is a snapshot after a restart of the service.
"""

from datetime import datetime
from typing import Any

from pipelines.market.native.fields import millis_us, whole
from pipelines.market.native.reader import UNREADABLE, Reader, levels_of


class Bybit(Reader):
    """Reader of one symbol, spelled like XRPUSDT."""

    exchange = "bybit"

    def __init__(self, symbol: str, window: tuple[datetime, datetime], file: str) -> None:
        super().__init__(symbol, window, file)
        self._last: int | None = None

    def read(self, line: int, local: int | None, message: Any) -> None:
        """See Reader."""
        topic = str(message["topic"])
        if not topic.startswith("orderbook.") or topic.rpartition(".")[2] != self.symbol:
            return
        try:
            data = message["data"]
            levels, number = levels_of({"bid": data["b"], "ask": data["a"]}), whole(data["u"])
            stamp, kind = (millis_us(message["ts"]), local), message["type"]
        except UNREADABLE as error:
            self.unread_book(line, f"is no book: {error!r}"[:120], message)
            return
        if kind == "snapshot" or number == 1:
            self.book.snapshot(line, stamp, levels)
        else:
            if self._last is None or number != self._last + 1:
                self.book.lose(f"update {self._last} is followed by {number}")
            self.book.change(line, stamp, levels)
        self._last = number

    def disconnected(self) -> None:
        """See Reader."""
        super().disconnected()
        self._last = None
