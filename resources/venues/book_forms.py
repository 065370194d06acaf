"""How each venue is asked for its book, and where the answer keeps levels and time. Judging it is books.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from pipelines.errors import BadAnswer
from resources.venues.exchange import market_of, speaking
from resources.venues.fields import at, micros_of_iso, micros_of_number, part, rows_of

LEVELS = 25
"""Levels asked for on each side; ten are kept."""
Ladder = Sequence[tuple[Any, Any]]


@dataclass(frozen=True)
class Book:
    """A snapshot as it was sent, best levels first."""

    bids: Ladder  # (price, amount)
    asks: Ladder
    time: int | None  # the venue's, µs since the epoch
    received_at: datetime
    raw: Any


def ask_book(exchange: Any, symbol: str) -> Book:
    """The book now; an answer of another form is asked for once more, then BadAnswer."""
    ask = partial(_ask, exchange, symbol)
    try:
        return ask()
    except BadAnswer:
        return ask()


def _ask(exchange: Any, symbol: str) -> Book:
    venue = exchange.named.venue
    match exchange.named.id:
        case "coinbase":
            with speaking(venue):
                said = exchange.v3PublicGetBrokerageMarketProductBook(
                    {"product_id": market_of(exchange, symbol)["id"], "limit": LEVELS}
                )
            book = part(said, "pricebook", venue)
            return _book(exchange, book, ("bids", "asks"), ("price", "size"), micros_of_iso(at(book, "time")))
        case "kraken":
            pair = market_of(exchange, symbol)["id"]
            with speaking(venue):
                said = exchange.publicGetDepth({"pair": pair, "count": LEVELS})
            book = part(part(said, "result", venue), pair, venue)
            return _book(
                exchange, book, ("bids", "asks"), (0, 1), None
            )  # levels are stamped, the book is not
        case "hyperliquid":
            market = market_of(exchange, symbol)
            coin = market["baseName"] if market["swap"] else market["id"]
            with speaking(venue):
                said = exchange.publicPostInfo({"type": "l2Book", "coin": coin})
            sides = rows_of(part(said, "levels", venue), "sides", venue)
            if len(sides) != 2:
                raise BadAnswer(
                    f"{venue} answered a book of {len(sides)} sides: expected 2; ask again later."
                )
            book = {"bids": sides[0], "asks": sides[1]}
            return _book(
                exchange, book, ("bids", "asks"), ("px", "sz"), micros_of_number(at(said, "time"), 1000)
            )
        case "alpaca":
            name = exchange.named.name_of(symbol)
            with speaking(venue):
                said = exchange.marketPublicGetV1beta3CryptoLocLatestOrderbooks(
                    {"loc": "us", "symbols": name}
                )
            book = part(part(said, "orderbooks", venue), name, venue)
            return _book(exchange, book, ("b", "a"), ("p", "s"), micros_of_iso(at(book, "t")))
    name = market_of(exchange, symbol)["symbol"]
    with speaking(venue):
        said = exchange.fetch_order_book(name, LEVELS)
    return _book(exchange, said, ("bids", "asks"), (0, 1), micros_of_number(at(said, "timestamp"), 1000))


def _book(exchange: Any, book: Any, sides: tuple[str, str], parts: tuple[Any, Any], time: int | None) -> Book:
    venue = exchange.named.venue
    bids, asks = (
        [
            (at(row, parts[0]), at(row, parts[1]))
            for row in rows_of(part(book, side, venue), "levels", venue, parts)
        ]
        for side in sides
    )
    return Book(bids, asks, time, exchange.last_answer.received_at, book)
