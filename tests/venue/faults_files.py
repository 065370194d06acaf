"""Faults inside Tardis' daily CSV files: F15–F17 of trades, F19–F21 of books.

A rewritten file is kept with its fault.
"""

import gzip
from collections.abc import Callable, Iterator

from tests.venue.faults import Fault, hook
from tests.venue.faults_bars import scaled
from tests.venue.tables import milliseconds

Row = list[str]
Name = tuple[str, str, str, str]
LOCAL, SNAPSHOT, SIDE, PRICE, AMOUNT = 3, 4, 5, 6, 7
"""Columns of incremental_book_L2."""
KEPT_LEVELS = 50
"""Levels a side of a snapshot that a fault puts into a file; a consumer that resets forgets the others."""


def rewritten(fault: Fault, body: bytes, name: Name, change: Callable[[list[Row]], list[Row]]) -> bytes:
    """The file with its rows changed, the header kept; made once."""
    if name not in fault.memory:
        header, *lines = gzip.decompress(body).decode().splitlines()
        rows = change([line.split(",") for line in lines])
        fault.memory[name] = gzip.compress("\n".join([header, *map(",".join, rows), ""]).encode(), 6, mtime=0)
    found: bytes = fault.memory[name]
    return found


@hook("file", "F15", "F16", "F17")
def trades(fault: Fault, body: bytes, name: Name) -> bytes:
    """Trades out of order, repeated or missing."""
    changes = {"F15": _disordered, "F16": _repeated, "F17": _thinned}
    if name[1] != "trades":
        return body
    return rewritten(fault, body, name, lambda rows: changes[fault.name](fault, rows))


def _disordered(fault: Fault, rows: list[Row]) -> list[Row]:
    if fault["how"] == "order":
        return [rows[k ^ 1] if k ^ 1 < len(rows) else rows[k] for k in range(len(rows))]
    if fault["how"] == "same":
        size = fault["size"]
        return [[*row[:2], rows[k // size * size][2], *row[3:]] for k, row in enumerate(rows)]
    return rows


def _repeated(fault: Fault, rows: list[Row]) -> list[Row]:
    found: list[Row] = []
    for k, row in enumerate(rows):
        found.append(row)
        if k % fault["every"] == 0:
            found.append(row if fault["how"] == "duplicate" else [*row[:-1], str(scaled(row[-1], 2.0))])
    return found


def _thinned(fault: Fault, rows: list[Row]) -> list[Row]:
    return [row for k, row in enumerate(rows) if k % fault["every"]]


@hook("file", "F19")
def gap(fault: Fault, body: bytes, name: Name) -> bytes:
    """Updates of some seconds are missing; a snapshot may follow."""
    if name[1] != "incremental_book_L2":
        return body
    return rewritten(fault, body, name, lambda rows: _gapped(fault, rows))


def _gapped(fault: Fault, rows: list[Row]) -> list[Row]:
    middle = int(rows[len(rows) // 2][LOCAL])
    low = milliseconds(fault["start"]) * 1000 if fault["start"] else middle
    high = low + int(fault["seconds"] * 1e6)
    before = [row for row in rows if int(row[LOCAL]) < low]
    after = [row for row in rows if int(row[LOCAL]) >= high]
    if not (fault["snapshot"] and after):
        return before + after
    missed = [row for row in rows if low <= int(row[LOCAL]) < high]
    return before + snapshot(before + missed, after[0]) + after


@hook("file", "F20")
def crossed(fault: Fault, body: bytes, name: Name) -> bytes:
    """Books whose best bid is not below the best ask."""
    if name[1] == "incremental_book_L2":
        return rewritten(fault, body, name, lambda rows: list(_crossing(fault, rows)))
    columns = {"quotes": (5, 6), "book_ticker": (5, 6)}.get(
        name[1], (4, 6) if "book_snapshot" in name[1] else None
    )
    if columns is None:
        return body
    ask, bid = columns

    def change(rows: list[Row]) -> list[Row]:
        for row in rows[:: fault["every"]]:
            row[bid] = row[ask] if fault["locked"] else str(scaled(row[ask], 1 + fault["share"]))
        return rows

    return rewritten(fault, body, name, change)


def _crossing(fault: Fault, rows: list[Row]) -> Iterator[Row]:
    """After every n-th stamp a bid at or above the best ask, taken back at the next stamp."""
    book: dict[str, dict[str, str]] = {"bid": {}, "ask": {}}
    undo: Row | None = None
    for count, group in enumerate(_by_stamp(rows)):
        if undo is not None:
            yield [*group[0][:LOCAL], group[0][LOCAL], "false", "bid", undo[PRICE], "0"]
            undo = None
        for row in group:
            _set(book, row)
            yield row
        if (count + 1) % fault["every"] == 0 and book["ask"]:
            best = min(book["ask"], key=float)
            price = best if fault["locked"] else str(scaled(best, 1 + fault["share"]))
            undo = [*group[-1][: LOCAL + 1], "false", "bid", price, "1"]
            yield undo


def _by_stamp(rows: list[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        if group and row[LOCAL] != group[0][LOCAL]:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _set(book: dict[str, dict[str, str]], row: Row) -> None:
    if float(row[AMOUNT]) == 0:
        book[row[SIDE]].pop(row[PRICE], None)
    else:
        book[row[SIDE]][row[PRICE]] = row[AMOUNT]


def snapshot(before: list[Row], at: Row) -> list[Row]:
    """Snapshot rows, stamped like `at`, of the best levels of the book that the rows before it make."""
    book: dict[str, dict[str, str]] = {"bid": {}, "ask": {}}
    fresh = True
    for row in before:
        if row[SNAPSHOT] == "true" and not fresh:
            book = {"bid": {}, "ask": {}}
        fresh = row[SNAPSHOT] == "true"
        _set(book, row)
    bids = sorted(book["bid"], key=float, reverse=True)[:KEPT_LEVELS]
    asks = sorted(book["ask"], key=float)[:KEPT_LEVELS]
    levels = [("bid", p) for p in bids] + [("ask", p) for p in asks]
    return [[*at[: LOCAL + 1], "true", side, price, book[side][price]] for side, price in levels]


@hook("file", "F21")
def peculiar(fault: Fault, body: bytes, name: Name) -> bytes:
    """A snapshot in the middle, or rows of another symbol inside one stamp."""
    if name[1] != "incremental_book_L2" or fault["how"] == "incident":
        return body
    changes = {"snapshot": _with_snapshot, "interleave": _interleaved}
    return rewritten(fault, body, name, lambda rows: changes[fault["how"]](fault, rows))


def _with_snapshot(fault: Fault, rows: list[Row]) -> list[Row]:
    middle = len(rows) // 2
    while 0 < middle < len(rows) and rows[middle][LOCAL] == rows[middle - 1][LOCAL]:
        middle += 1
    return rows[:middle] + snapshot(rows[:middle], rows[min(middle, len(rows) - 1)]) + rows[middle:]


def _interleaved(fault: Fault, rows: list[Row]) -> list[Row]:
    found: list[Row] = []
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        found.append(row)
        if following is not None and following[LOCAL] == row[LOCAL]:
            found.append([row[0], fault["other"], *row[2:PRICE], "1", "1"])
    return found


@hook("incidents", "F21")
def incident(fault: Fault, reports: list[dict[str, str]]) -> list[dict[str, str]]:
    """One more report of an outage of the archive."""
    if fault["how"] != "incident":
        return reports
    low, high = (fault[k].strftime("%Y-%m-%dT%H:%M:%S.000Z") for k in ("start", "end"))
    return [*reports, {"from": low, "to": high, "status": "resolved", "details": fault["details"]}]
