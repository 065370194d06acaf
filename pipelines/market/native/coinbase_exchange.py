"""Coinbase Exchange, the feed that the tick archive records: match, snapshot and l2update.

Source: Coinbase Exchange "WebSocket channels". `side` of a match is the MAKER's; `trade_id` counts the trades of a
product. The level2 channel numbers nothing: only a lost connection tells that an update is missing. A snapshot may
have no time, and an update may say the year 1: then the recorder's time stands in. Tested with messages made after
the documentation only: no recording of this feed was at hand.
"""

from typing import Any

from pipelines.market.native.fields import iso_us
from pipelines.market.native.reader import UNREADABLE, Reader
from pipelines.market.native.shapes import Shape

AGGRESSOR = {"buy": -1, "sell": 1}
"""By the maker's side."""
SIDES = {"buy": "bid", "sell": "ask"}
TRADES = ("match", "last_match")
OTHER_TYPES = (
    *("subscriptions", "heartbeat", "status", "error", "ticker", "auction", "rfq_match", "full_snapshot"),
    *("received", "open", "done", "change", "activate"),
)


def read_exchange(reader: Reader, line: int, local: int | None, message: Any) -> Shape:
    """Give a message's trade or levels to the reader of its product; see Reader.read."""
    kind = message.get("type")
    if kind in TRADES:
        if message["product_id"] == reader.symbol:
            _trade(reader, line, local, message)
    elif kind in ("snapshot", "l2update"):
        if message["product_id"] == reader.symbol:
            _book(reader, line, local, message)
    else:
        return Shape.OTHER if kind in OTHER_TYPES else Shape.UNKNOWN
    return Shape.READ


def _trade(reader: Reader, line: int, local: int | None, message: Any) -> None:
    try:
        time, identity, side = message["time"], message["trade_id"], AGGRESSOR.get(message["side"])
        price, amount = message["price"], message["size"]
    except UNREADABLE as error:
        reader.unread(line, f"is no trade: {error!r}"[:120], message)
        return
    reader.trades.add(line, (iso_us(time), local), identity, side, price, amount)


def _book(reader: Reader, line: int, local: int | None, message: Any) -> None:
    whole_book = message["type"] == "snapshot"
    try:
        if whole_book:
            levels = [
                (side, entry[0], entry[1])
                for side, entries in (("bid", message["bids"]), ("ask", message["asks"]))
                for entry in entries
            ]
        else:
            levels = [(SIDES[side], price, amount) for side, price, amount in message["changes"]]
    except UNREADABLE as error:
        reader.unread_book(line, f"is no book: {error!r}"[:120], message)
        return
    stamp = (_moment(message, local, whole_book), local)
    (reader.book.snapshot if whole_book else reader.book.change)(line, stamp, levels)


def _moment(message: Any, local: int | None, whole_book: bool) -> int | None:
    if whole_book and "time" not in message:
        return local
    time = iso_us(message.get("time"))
    return local if time is not None and time < 0 else time
