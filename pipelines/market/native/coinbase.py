"""Coinbase: Advanced Trade's l2_data (snapshot, then updates) and market_trades.

`side` of a market trade is the MAKER's: the aggressor's is the opposite. `sequence_num` counts every message of the
connection, whatever its channel or product, so one that is skipped may have been anything: the book is lost. The
snapshot of market_trades lists the last 100 trades, newest first. Exchange time of a book is the message's own.
The older feed, Coinbase Exchange, is coinbase_exchange.py.
"""

from datetime import datetime
from typing import Any

from pipelines.market.native.coinbase_exchange import read_exchange
from pipelines.market.native.fields import iso_us, whole
from pipelines.market.native.reader import UNREADABLE, Reader
from pipelines.market.native.shapes import Shape

AGGRESSOR = {"BUY": -1, "SELL": 1}
"""By the maker's side."""
BOOK_SIDES = {"bid": "bid", "offer": "ask"}
OTHER_CHANNELS = ("subscriptions", "heartbeats", "candles", "ticker", "ticker_batch", "status", "user")


class Coinbase(Reader):
    """Reader of one product, spelled like BTC-USD."""

    exchange = "coinbase"
    dense_ids = True

    def __init__(self, symbol: str, window: tuple[datetime, datetime], file: str) -> None:
        super().__init__(symbol, window, file)
        self._last: int | None = None

    def read(self, line: int, local: int | None, message: Any) -> Shape:
        """See Reader; Advanced Trade numbers its messages, the older feed names their type."""
        if "sequence_num" not in message:
            return Shape.OTHER if "url" in message else read_exchange(self, line, local, message)
        self._continue(whole(message["sequence_num"]))
        channel, events = message["channel"], message["events"]
        if channel == "market_trades":
            for event in events:
                for trade in event["trades"]:
                    self._trade(line, local, trade)
        elif channel == "l2_data":
            for event in events:
                self._levels(line, (iso_us(message["timestamp"]), local), event)
        else:
            return Shape.OTHER if channel in OTHER_CHANNELS else Shape.UNKNOWN
        return Shape.READ

    def disconnected(self) -> None:
        """See Reader."""
        super().disconnected()
        self._last = None

    def _continue(self, number: int | None) -> None:
        if number is None or (self._last is not None and number not in (0, self._last + 1)):
            self.book.lose(f"message {self._last} is followed by {number}")
        elif number == 0 and self._last is not None:
            self.book.lose("a new connection began")
        self._last = self._last if number is None else number

    def _trade(self, line: int, local: int | None, trade: Any) -> None:
        try:
            product, time, identity = trade["product_id"], trade["time"], trade["trade_id"]
            side, price, amount = AGGRESSOR.get(trade["side"]), trade["price"], trade["size"]
        except UNREADABLE as error:
            self.unread(line, f"is no trade: {error!r}"[:120], trade)
            return
        if product == self.symbol:
            self.trades.add(line, (iso_us(time), local), identity, side, price, amount)

    def _levels(self, line: int, stamp: tuple[int | None, int | None], event: Any) -> None:
        try:
            product, kind = event["product_id"], event["type"]
            levels = [(BOOK_SIDES[u["side"]], u["price_level"], u["new_quantity"]) for u in event["updates"]]
        except UNREADABLE as error:
            self.unread_book(line, f"is no book event: {error!r}"[:120], event)
            return
        if product == self.symbol:
            (self.book.snapshot if kind == "snapshot" else self.book.change)(line, stamp, levels)
