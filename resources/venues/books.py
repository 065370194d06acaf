"""One order-book snapshot of a venue as an ORDER_BOOK row; crossed and locked ones are asked for again, never used.

Ladder rules (sorted, positive, exact) are those of pipelines/market/parsing.py. Books over time are the archive's.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from pipelines.errors import BadAnswer
from pipelines.market.native.fields import as_text
from pipelines.market.parsing import parse_order_book
from pipelines.market.rows import EARLIEST, QUARANTINE
from pipelines.market.schemas import ORDER_BOOK
from pipelines.market.symbols import Market
from resources.sources.source import Delivery
from resources.venues.book_forms import LEVELS, Book, ask_book
from resources.venues.fields import micros
from resources.venues.transport import Transport

ASKED = 4
"""The first time and up to three times again."""
BACKOFF = 0.5
"""Seconds before the second question; doubled each time, so that a crossed book makes no storm."""
FUTURE = timedelta(minutes=1)
HEADER = ["exchange", "symbol", "timestamp", "local_timestamp"] + [
    f"{side}[{level}].{what}"
    for level in range(LEVELS)
    for side in ("asks", "bids")
    for what in ("price", "amount")
]


def fetch_book(market: Market, exchange: Any, transport: Transport) -> Delivery:
    """ORDER_BOOK with one row, the best ten levels of now: `time` by the venue where it says, else when it arrived.

    Snapshots that are crossed (bid above ask), locked (equal), one-sided or broken are quarantined; after four of
    them the frame is empty. Raises VenueError when there is no answer.
    """
    name, clock = f"{market} book", transport.clock
    frames, aside, notes = [], [pl.DataFrame(schema=QUARANTINE)], []
    for turn in range(ASKED):
        book = ask_book(exchange, market.symbol)
        rows, bad = judged(book, name, turn + 1, clock.now())
        aside.append(bad)
        if rows.height:
            frames.append(rows)
            notes += (
                [] if book.time is not None else [f"{name}: the venue gives no time, it is that of arrival"]
            )
            break
        if turn + 1 < ASKED:
            clock.sleep(BACKOFF * 2**turn)
    quarantined = pl.concat(aside)
    if quarantined.height:
        used = "another was used" if frames else "none is used"
        notes.append(
            f"{name}: {quarantined.height} of {quarantined.height + len(frames)} snapshots refused, {used}"
        )
    return Delivery(
        pl.concat(frames) if frames else pl.DataFrame(schema=ORDER_BOOK), quarantined, tuple(notes), False
    )


def judged(book: Book, name: str, line: int, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The snapshot as ORDER_BOOK (one row or none) and as QUARANTINE (the other way round)."""
    arrived = micros(book.received_at)
    time = arrived if book.time is None else book.time
    cells = [name.partition(".")[0], name, str(time), str(arrived)]
    for level in range(LEVELS):
        for side in (book.asks, book.bids):
            cells += _level(side, level)
    raw = "\n".join([",".join(HEADER), ",".join(cells)]).encode()
    parsed = parse_order_book(raw, name, (EARLIEST, now + FUTURE), LEVELS)
    rows = parsed.rows.select(*ORDER_BOOK)
    reason = _refusal(rows.row(0, named=True)) if rows.height else str(parsed.quarantine["reason"][0])
    if reason is None:
        return rows, pl.DataFrame(schema=QUARANTINE)
    text = json.dumps(book.raw, default=str)[:500]
    bad = pl.DataFrame([(name, line, reason, text)], schema=QUARANTINE, orient="row")
    return rows.clear(), bad


def _refusal(row: dict[str, Any]) -> str | None:
    bid, ask = row["bid_price_1"], row["ask_price_1"]
    if bid is None or ask is None:
        return "one side of the book is empty"
    if bid > ask:
        return f"crossed: bid {bid} above ask {ask}"
    return f"locked: bid and ask are both {bid}" if bid == ask else None


def _level(side: Sequence[tuple[Any, Any]], level: int) -> list[str]:
    """Price and amount as text; what is no number becomes one that no rule accepts."""
    if level >= len(side):
        return ["", ""]
    texts = [as_text(value) for value in side[level]]
    return [text if text and not set(text) & set(',"\r\n') else "-1" for text in texts]


def require_book(delivery: Delivery, market: Market) -> pl.DataFrame:
    """The row of a delivery; raises BadAnswer when every snapshot was refused."""
    if delivery.frame.is_empty():
        raise BadAnswer(
            f"{market} gave no usable book: expected bid below ask, found {delivery.quarantine['reason'][-1]} "
            f"{delivery.quarantine.height} times; ask again later."
        )
    return delivery.frame
