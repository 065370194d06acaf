"""Faults of trades and books as the venues' HTTP APIs serve them: F14–F18, F20, F25–F27, F29."""

from tests.venue.book import Book, Level
from tests.venue.faults import Fault, hook
from tests.venue.faults_bars import broken, lengthened, scaled
from tests.venue.hole import hole_of
from tests.venue.tables import Print, Trades, milliseconds

SECOND = 10**9


@hook("trades", "F14")
def hole(fault: Fault, rows: list[Print], trades: Trades, now_ms: int) -> list[Print]:
    """A span without any trade."""
    low, high = hole_of(fault, trades.times, 10**6)
    return [row for row in rows if not low <= row.time < high]


@hook("trades", "F15")
def disordered(fault: Fault, rows: list[Print], trades: Trades, now_ms: int) -> list[Print]:
    """Neighbours swapped, or several with one stamp; ids stay with their trades."""
    if fault["how"] == "order":
        swapped = list(rows)
        for k in range(0, len(rows) - 1, 2):
            swapped[k], swapped[k + 1] = rows[k + 1], rows[k]
        return swapped
    if fault["how"] == "same":
        size = fault["size"]
        return [row._replace(time=rows[k // size * size].time) for k, row in enumerate(rows)]
    return rows


@hook("stamp", "F15")
def textual(fault: Fault, text: str, nanoseconds: int, digits: int) -> str:
    """A fraction of a second without trailing zeros: as text `.077` stands before `.77`, as does `.7` before `.69`."""
    if fault["how"] != "text" or "." not in text:
        return text
    return text.removesuffix("Z").rstrip("0").rstrip(".") + "Z"


@hook("trades", "F16")
def repeated_ids(fault: Fault, rows: list[Print], trades: Trades, now_ms: int) -> list[Print]:
    """Every n-th trade twice, the second time perhaps with another amount."""
    found: list[Print] = []
    for row in rows:
        found.append(row)
        if row.id % fault["every"] == 0:
            again = row if fault["how"] == "duplicate" else row._replace(amount=scaled(row.amount, 2.0))
            found.append(again)
    return found


@hook("trades", "F17")
def missing_ids(fault: Fault, rows: list[Print], trades: Trades, now_ms: int) -> list[Print]:
    """Every n-th trade is not there."""
    return [row for row in rows if row.id % fault["every"]]


@hook("cursor", "F18")
def coarse_cursor(fault: Fault, cursor: int | None) -> int | None:
    """A cursor means its whole second: what shares that second and did not fit the page is skipped."""
    return None if cursor is None else cursor // SECOND * SECOND + SECOND - 1


@hook("page", "F18")
def small_page(fault: Fault, count: int) -> int:
    """Fewer trades a page."""
    return min(count, int(fault["page"]))


@hook("trades", "F18")
def coarse_stamps(fault: Fault, rows: list[Print], trades: Trades, now_ms: int) -> list[Print]:
    """Stamps cut to whole seconds."""
    return [row._replace(time=row.time // SECOND * SECOND) for row in rows]


@hook("trades", "F25")
def begins(fault: Fault, rows: list[Print], trades: Trades, now_ms: int) -> list[Print]:
    """The new symbol has no past."""
    if fault["at"] is None or now_ms < milliseconds(fault["at"]):
        return rows
    return [row for row in rows if row.time >= milliseconds(fault["at"]) * 10**6]


@hook("trades", "F26")
def ended(fault: Fault, rows: list[Print], trades: Trades, now_ms: int) -> list[Print]:
    """No trade after the end."""
    return [row for row in rows if fault["at"] is None or row.time < milliseconds(fault["at"]) * 10**6]


@hook("trades", "F27")
def broken_prices(fault: Fault, rows: list[Print], trades: Trades, now_ms: int) -> list[Print]:
    """Prices or amounts that cannot be."""
    name = {"close": "price", "volume": "amount"}.get(fault["field"], "price")
    return [
        row._replace(**{name: broken(fault, getattr(row, name))}) if row.id % fault["every"] == 0 else row
        for row in rows
    ]


@hook("trades", "F29")
def endless_digits(fault: Fault, rows: list[Print], trades: Trades, now_ms: int) -> list[Print]:
    """More digits than a float has."""
    digits = fault["digits"]
    return [
        row._replace(price=lengthened(row.price, digits), amount=lengthened(row.amount, digits))
        if row.id % fault["every"] == 0
        else row
        for row in rows
    ]


@hook("book", "F20")
def crossed(fault: Fault, book: Book) -> Book:
    """Every n-th answer is a book whose best bid is not below its best ask."""
    fault.memory["books"] = fault.memory.get("books", -1) + 1
    if fault.memory["books"] % fault["every"]:
        return book
    bids, asks, time = book
    price = asks[0].price if fault["locked"] else scaled(asks[0].price, 1 + fault["share"])
    return [Level(str(price), bids[0].amount), *bids[1:]], asks, time
