"""Deribit: trades.<instrument>.<interval> and book.<instrument>.<interval> (snapshot, then changes by change_id).

Each change names the change before it. Trades are numbered by `trade_seq`, dense for each instrument; `direction` is
the aggressor's. Amounts are the venue's own: USD for inverse perpetuals and futures, coins for options.
"""

from datetime import datetime
from typing import Any

from pipelines.market.native.fields import millis_us
from pipelines.market.native.reader import UNREADABLE, Reader
from pipelines.market.native.shapes import Shape

SIDES = {"buy": 1, "sell": -1}
OTHER_CHANNELS = (
    *("ticker", "incremental_ticker", "quote", "perpetual", "markprice", "chart", "instrument", "user"),
    *("deribit_price_index", "deribit_price_ranking", "deribit_price_statistics", "deribit_volatility_index"),
    *(
        "estimated_expiration_price",
        "announcements",
        "platform_state",
        "block_rfq",
        "block_trade_confirmations",
    ),
)


class Deribit(Reader):
    """Reader of one instrument, spelled like BTC-PERPETUAL."""

    exchange = "deribit"
    dense_ids = True

    def __init__(self, symbol: str, window: tuple[datetime, datetime], file: str) -> None:
        super().__init__(symbol, window, file)
        self._last: Any = None

    def read(self, line: int, local: int | None, message: Any) -> Shape:
        """See Reader; answers to requests have no params and say nothing about the market."""
        if message.get("method") != "subscription":
            answered = "result" in message or "error" in message or message.get("method") == "heartbeat"
            return Shape.OTHER if answered else Shape.UNKNOWN
        channel, data = message["params"]["channel"], message["params"]["data"]
        kind, _, rest = channel.partition(".")
        if kind not in ("trades", "book"):
            return Shape.OTHER if kind in OTHER_CHANNELS else Shape.UNKNOWN
        if rest.rpartition(".")[0] == self.symbol:
            if kind == "trades":
                for trade in data:
                    self._trade(line, local, trade)
            else:
                self._book(line, local, data)
        return Shape.READ

    def disconnected(self) -> None:
        """See Reader."""
        super().disconnected()
        self._last = None

    def _trade(self, line: int, local: int | None, trade: Any) -> None:
        try:
            time, identity, side = trade["timestamp"], trade["trade_seq"], SIDES.get(trade["direction"])
            price, amount = trade["price"], trade["amount"]
        except UNREADABLE as error:
            self.unread(line, f"is no trade: {error!r}"[:120], trade)
            return
        self.trades.add(line, (millis_us(time), local), identity, side, price, amount)

    def _book(self, line: int, local: int | None, data: Any) -> None:
        try:
            levels = [
                (side, price, 0 if action == "delete" else amount)
                for side in ("bid", "ask")
                for action, price, amount in data[f"{side}s"]
            ]
            kind, number, before = data["type"], data["change_id"], data.get("prev_change_id")
            stamp = (millis_us(data["timestamp"]), local)
        except UNREADABLE as error:
            self.unread_book(line, f"is no book: {error!r}"[:120], data)
            return
        if kind == "snapshot":
            self.book.snapshot(line, stamp, levels)
        else:
            if before != self._last:
                self.book.lose(f"change {self._last} is followed by one that follows {before}")
            self.book.change(line, stamp, levels)
        self._last = number
