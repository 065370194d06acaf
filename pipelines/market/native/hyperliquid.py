"""Hyperliquid: l2Book (each message is the whole book of 20 levels a side) and trades.

The side of a trade is the aggressor's: A = ask = sold, B = bid = bought. Trade ids are hashes, neither dense nor in
order. Books become updates by comparing each with the one before; a message that changes nothing says the best
bid again, so that the age of the book is known.
"""

from datetime import datetime
from typing import Any

from pipelines.market.native.fields import millis_us
from pipelines.market.native.reader import UNREADABLE, Reader
from pipelines.market.native.shapes import Shape

SIDES = {"A": -1, "B": 1}
OTHER_CHANNELS = (
    *("subscriptionResponse", "pong", "error", "notification", "allMids", "candle", "bbo"),
    *("activeAssetCtx", "activeSpotAssetCtx", "webData2", "user", "userFills", "userFundings"),
)
Prices = dict[tuple[str, str], str]


class Hyperliquid(Reader):
    """Reader of one coin, spelled like BTC."""

    exchange = "hyperliquid"

    def __init__(self, symbol: str, window: tuple[datetime, datetime], file: str) -> None:
        super().__init__(symbol, window, file)
        self._before: Prices | None = None

    def read(self, line: int, local: int | None, message: Any) -> Shape:
        """See Reader."""
        channel = message["channel"]
        if channel == "l2Book":
            if message["data"]["coin"] == self.symbol:
                self._book(line, local, message["data"])
        elif channel == "trades":
            for trade in message["data"]:
                self._trade(line, local, trade)
        else:
            return Shape.OTHER if channel in OTHER_CHANNELS else Shape.UNKNOWN
        return Shape.READ

    def disconnected(self) -> None:
        """See Reader."""
        super().disconnected()
        self._before = None

    def _trade(self, line: int, local: int | None, trade: Any) -> None:
        try:
            coin, time, identity, side = trade["coin"], trade["time"], trade["tid"], SIDES.get(trade["side"])
            price, amount = trade["px"], trade["sz"]
        except UNREADABLE as error:
            self.unread(line, f"is no trade: {error!r}"[:120], trade)
            return
        if coin == self.symbol:
            self.trades.add(line, (millis_us(time), local), identity, side, price, amount)

    def _book(self, line: int, local: int | None, data: Any) -> None:
        stamp = (millis_us(data.get("time")), local)
        try:
            bids, asks = data["levels"]
            now: Prices = {
                (side, level["px"]): level["sz"]
                for side, levels in (("bid", bids), ("ask", asks))
                for level in levels
            }
        except UNREADABLE as error:
            self.unread_book(line, f"is no book: {error!r}"[:120], data)
            self._before = None
            return
        before, self._before = self._before, now
        if before is None or not self.book.known:
            taken = self.book.snapshot(line, stamp, [(*key, amount) for key, amount in now.items()])
        else:
            gone = [(*key, "0") for key in before if key not in now]
            changed = [(*key, amount) for key, amount in now.items() if before.get(key) != amount]
            best = [(*key, amount) for key, amount in list(now.items())[:1]]
            taken = self.book.change(line, stamp, [*gone, *changed] or best)
        if not taken:
            self._before = None
