"""Bybit v5: `orderbook.<depth>.<symbol>`, a snapshot, then deltas numbered by `u`, and `publicTrade.<symbol>`.

Source: Bybit v5 "Orderbook": u goes up by one a delta; u = 1 is a snapshot after a restart of the service. "Trade":
`S` is the taker's side; `i` is a whole number on some markets and a hash on others, whose trades are numbered by
arrival. Books were compared with the venue's own archive; trades only with messages made after the documentation.
"""

from datetime import datetime
from typing import Any

from pipelines.market.native.fields import millis_us, whole
from pipelines.market.native.reader import UNREADABLE, Reader, levels_of
from pipelines.market.native.shapes import Shape
from pipelines.market.native.trade_rows import NUMBERED

SIDES = {"Buy": 1, "Sell": -1}
OTHER_TOPICS = (
    *("tickers", "tickers_lt", "kline", "kline_lt", "liquidation", "allLiquidation", "insurance"),
    *("priceLimit", "adlAlert", "lt"),
)


class Bybit(Reader):
    """Reader of one symbol, spelled like XRPUSDT."""

    exchange = "bybit"

    def __init__(self, symbol: str, window: tuple[datetime, datetime], file: str) -> None:
        super().__init__(symbol, window, file)
        self._last: int | None = None
        self._by_arrival: bool | None = None  # as the first trade says

    def read(self, line: int, local: int | None, message: Any) -> Shape:
        """See Reader; answers to requests have no topic."""
        if "topic" not in message and ("op" in message or "success" in message):
            return Shape.OTHER
        topic = str(message["topic"])
        kind, symbol = topic.partition(".")[0], topic.rpartition(".")[2]
        if kind not in ("orderbook", "publicTrade"):
            return Shape.OTHER if kind in OTHER_TOPICS else Shape.UNKNOWN
        if symbol == self.symbol:
            if kind == "orderbook":
                self._book(line, local, message)
            else:
                for trade in message["data"]:
                    self._trade(line, local, trade)
        return Shape.READ

    def disconnected(self) -> None:
        """See Reader."""
        super().disconnected()
        self._last = None

    def _book(self, line: int, local: int | None, message: Any) -> None:
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

    def _trade(self, line: int, local: int | None, trade: Any) -> None:
        try:
            time, identity, side = trade["T"], trade["i"], SIDES.get(trade["S"])
            price, amount = trade["p"], trade["v"]
        except UNREADABLE as error:
            self.unread(line, f"is no trade: {error!r}"[:120], trade)
            return
        if self._by_arrival is None:
            self._by_arrival = whole(identity) is None
        number = NUMBERED if self._by_arrival else identity
        self.trades.add(line, (millis_us(time), local), number, side, price, amount)
