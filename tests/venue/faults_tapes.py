"""Faults inside replayed raw messages: a disconnect with missing updates (F19) and crossed books (F20)."""

import json
from typing import Any

from tests.venue.captures import Line, Tape
from tests.venue.faults import Fault, hook
from tests.venue.faults_bars import scaled
from tests.venue.tables import milliseconds

LEVELS = 1000


@hook("tape", "F19")
def disconnect(fault: Fault, lines: list[Line], start: int, tape: Tape) -> list[Line]:
    """Messages of some seconds are missing; an empty line says that the connection was lost."""
    low = milliseconds(fault["start"]) * 10**6 if fault["start"] else tape.stamps[len(tape.stamps) // 2]
    high = low + int(fault["seconds"] * 1e9)
    kept = [line for line in lines if not low <= line.ns < high]
    if any(low <= line.ns < high for line in lines):
        kept.append(Line(low, b"", "", ""))
    if fault["snapshot"] and any(line.ns >= high for line in lines) and any(line.ns < high for line in lines):
        kept += _snapshots(tape, high)
    return sorted(kept, key=lambda line: line.ns)


def _snapshots(tape: Tape, at: int) -> list[Line]:
    """Binance's books at a moment, framed like the snapshots that Tardis generates after a reconnect."""
    books: dict[str, dict[str, Any]] = {}
    for line in tape.between(0, at):
        if line.channel == "depthSnapshot":
            data = json.loads(line.message)["data"]
            books[line.symbol] = {
                "id": data["lastUpdateId"],
                "b": dict(data["bids"]),
                "a": dict(data["asks"]),
            }
        elif line.channel == "depth" and line.symbol in books:
            data, book = json.loads(line.message)["data"], books[line.symbol]
            if data["u"] > book["id"]:
                _apply(book, data)
    return [
        Line(at, _framed(symbol, book, at // 10**6), "depthSnapshot", symbol)
        for symbol, book in books.items()
    ]


def _apply(book: dict[str, Any], data: dict[str, Any]) -> None:
    book["id"] = data["u"]
    for side in ("b", "a"):
        for price, amount in data[side]:
            if float(amount) == 0:
                book[side].pop(price, None)
            else:
                book[side][price] = amount


def _framed(symbol: str, book: dict[str, Any], ms: int) -> bytes:
    bids = sorted(book["b"].items(), key=lambda level: -float(level[0]))[:LEVELS]
    asks = sorted(book["a"].items(), key=lambda level: float(level[0]))[:LEVELS]
    data = {"lastUpdateId": book["id"], "E": ms, "T": ms, "bids": bids, "asks": asks}
    return json.dumps(
        {"stream": f"{symbol}@depthSnapshot", "generated": True, "data": data}, separators=(",", ":")
    ).encode()


@hook("tape", "F20")
def crossed(fault: Fault, lines: list[Line], start: int, tape: Tape) -> list[Line]:
    """Every n-th best quote (Binance) or book (Hyperliquid) has a bid that is not below its ask."""
    found = []
    books = 0
    for line in lines:
        if line.channel in ("bookTicker", "l2Book"):
            books += 1
            found.append(_crossing(fault, line) if books % fault["every"] == 0 else line)
        else:
            found.append(line)
    return found


def _crossing(fault: Fault, line: Line) -> Line:
    message = json.loads(line.message)
    data = message["data"]
    ask = data["a"] if line.channel == "bookTicker" else data["levels"][1][0]["px"]
    bid = ask if fault["locked"] else scaled(ask, 1 + fault["share"])
    if line.channel == "bookTicker":
        data["b"] = bid
    else:
        data["levels"][0][0]["px"] = bid
    return line._replace(message=json.dumps(message, separators=(",", ":")).encode())
