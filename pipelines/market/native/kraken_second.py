"""The fields of Kraken's second websocket API. What is done with them is kraken.py.

Source: https://docs.kraken.com/api/docs/websocket-v2 (book, trade) and its guide to the book's checksum. The archive
has this API from 2026-07-01 on. Tested with messages made after the documentation only: no recording was at hand.
"""

from typing import Any

from pipelines.market.native.fields import as_text, iso_us
from pipelines.market.native.shapes import Shape

SIDES = {"buy": 1, "sell": -1}
DEPTHS = (10, 25, 100, 500, 1000)
"""Levels a side that can be subscribed."""
OTHER_CHANNELS = ("heartbeat", "status", "ticker", "ohlc", "instrument", "level3")
Level = tuple[str, Any, Any]


def other(message: dict[str, Any]) -> Shape:
    """The kind of a message that is neither a trade nor a book, of the first API or of the second."""
    known = "event" in message or "method" in message or message.get("channel") in OTHER_CHANNELS
    return Shape.OTHER if known else Shape.UNKNOWN


def trade_of(part: dict[str, Any]) -> tuple[int | None, Any, int | None, Any, Any]:
    """Exchange time, id (counted by pair), side, price and amount."""
    side = SIDES.get(part["side"])
    return iso_us(part["timestamp"]), part["trade_id"], side, part["price"], part["qty"]


def levels_of_book(part: dict[str, Any]) -> list[Level]:
    """Levels as text; a side may be left out of an update."""
    return [
        (side, as_text(level["price"]), as_text(level["qty"]))
        for side in ("bid", "ask")
        for level in part.get(f"{side}s", [])
    ]


def moment_of(part: dict[str, Any], local: int | None) -> int | None:
    """Exchange time; the recorder's for a snapshot of a time when they had none."""
    return iso_us(part["timestamp"]) if "timestamp" in part else local


def depth_of(levels: list[Level]) -> int:
    """The subscribed depth, which only a snapshot tells: the least that has room for it."""
    longest = max((sum(level[0] == side for level in levels) for side in ("bid", "ask")), default=0)
    return next((depth for depth in DEPTHS if depth >= longest), longest)
