"""Small feeds in each exchange's own messages: a snapshot, then changes, numbered as the exchange numbers them.

Each maker returns (local time, message) pairs; message k happens k seconds after START.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

START = datetime(2026, 3, 1, 14, 2, tzinfo=UTC)
WINDOW = (START - timedelta(days=1), START + timedelta(days=1))
DELAY = timedelta(milliseconds=40)
Feed = list[tuple[datetime | None, Any]]
BIDS = [[f"{100 - level}.5", "2"] for level in range(12)]
ASKS = [[f"{101 + level}.5", "2"] for level in range(12)]


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def ms(second: float) -> int:
    return int(at(second).timestamp() * 1000)


def iso(second: float) -> str:
    return at(second).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def change(second: int) -> tuple[list[list[str]], list[list[str]]]:
    """The levels that change at a second: the best bid's size."""
    return [["100.5", str(second + 3)]], []


def timed(messages: Sequence[Any]) -> Feed:
    return [(at(second) + DELAY, message) for second, message in enumerate(messages)]


def binance_snapshot(second: int) -> dict[str, Any]:
    return {"lastUpdateId": 1000 + 10 * second, "E": ms(second), "T": ms(second), "bids": BIDS, "asks": ASKS}


def binance_diff(second: int) -> dict[str, Any]:
    bids, asks = change(second)
    ids = {"U": 1000 + 10 * second - 5, "u": 1000 + 10 * second, "pu": 1000 + 10 * (second - 1)}
    data = {"e": "depthUpdate", "E": ms(second), "T": ms(second), "s": "BTCUSDT", **ids, "b": bids, "a": asks}
    return {"stream": "btcusdt@depth@0ms", "data": data}


def coinbase_event(second: int, kind: str, bids: Any, asks: Any) -> dict[str, Any]:
    sides = (("bid", bids), ("offer", asks))
    updates = [
        {"side": side, "event_time": iso(second), "price_level": price, "new_quantity": amount}
        for side, levels in sides
        for price, amount in levels
    ]
    return {
        "channel": "l2_data",
        "timestamp": iso(second),
        "sequence_num": second,
        "events": [{"type": kind, "product_id": "BTC-USD", "updates": updates}],
    }


def kraken_checksum(second: int) -> str:
    best = [["100.5", str(second + 3)], *BIDS[1:10]]
    digits = "".join(p.replace(".", "").lstrip("0") + a.lstrip("0") for p, a in [*ASKS[:10], *best])
    return str(crc32(digits.encode()))


def kraken_change(second: int) -> list[Any]:
    level = ["100.5", str(second + 3), f"{at(second).timestamp():.6f}"]
    return [1, {"b": [level], "c": kraken_checksum(second)}, "book-100", "XBT/USD"]


def kraken_snapshot(second: int) -> list[Any]:
    stamp = f"{at(second).timestamp():.6f}"
    sides = {"as": [[*level, stamp] for level in ASKS], "bs": [[*level, stamp] for level in BIDS]}
    return [1, sides, "book-100", "XBT/USD"]


def deribit_book(second: int, kind: str) -> dict[str, Any]:
    bids, asks = (BIDS, ASKS) if kind == "snapshot" else change(second)
    data = {
        "type": kind,
        "timestamp": ms(second),
        "change_id": 500 + second,
        "bids": [["new", float(price), float(amount)] for price, amount in bids],
        "asks": [["new", float(price), float(amount)] for price, amount in asks],
    }
    data |= {} if kind == "snapshot" else {"prev_change_id": 499 + second}
    params = {"channel": "book.BTC-PERPETUAL.raw", "data": data}
    return {"jsonrpc": "2.0", "method": "subscription", "params": params}


def bybit_book(second: int, kind: str) -> dict[str, Any]:
    bids, asks = (BIDS, ASKS) if kind == "snapshot" else change(second)
    data = {"s": "BTCUSDT", "b": bids, "a": asks, "u": 70 + second, "seq": 9000 + second}
    return {"topic": "orderbook.500.BTCUSDT", "type": kind, "ts": ms(second), "data": data}


def kraken_second_book(second: int, kind: str) -> dict[str, Any]:
    """The second API: numbers, a checksum in snapshots too, and a side without a change left out."""
    bids, asks = (BIDS, ASKS) if kind == "snapshot" else change(second)
    whole = [*ASKS[:10], *BIDS[:10]]
    digits = "".join(p.replace(".", "").lstrip("0") + a.lstrip("0") for p, a in whole)
    checksum = crc32(digits.encode()) if kind == "snapshot" else int(kraken_checksum(second))
    data: dict[str, Any] = {"symbol": "BTC/USD", "checksum": checksum, "timestamp": iso(second)}
    data |= {
        side: [{"price": price, "qty": amount} for price, amount in levels]
        for side, levels in (("bids", bids), ("asks", asks))
        if levels
    }
    return {"channel": "book", "type": kind, "data": [data]}


def coinbase_exchange_book(second: int, kind: str) -> dict[str, Any]:
    message = {"type": kind, "product_id": "BTC-USD", "time": iso(second)}
    if kind == "snapshot":
        return message | {"bids": BIDS, "asks": ASKS}
    bids, asks = change(second)
    sides = (("buy", bids), ("sell", asks))
    return message | {"changes": [[side, *level] for side, levels in sides for level in levels]}


Maker = tuple[str, str, Callable[[int], Any], Callable[[int], Any]]
MAKERS: list[Maker] = [
    ("binance-futures", "BTCUSDT", binance_snapshot, binance_diff),
    (
        "coinbase",
        "BTC-USD",
        lambda second: coinbase_event(second, "snapshot", BIDS, ASKS),
        lambda second: coinbase_event(second, "update", *change(second)),
    ),
    ("kraken", "XBT/USD", kraken_snapshot, kraken_change),
    (
        "deribit",
        "BTC-PERPETUAL",
        lambda second: deribit_book(second, "snapshot"),
        lambda second: deribit_book(second, "change"),
    ),
    (
        "bybit",
        "BTCUSDT",
        lambda second: bybit_book(second, "snapshot"),
        lambda second: bybit_book(second, "delta"),
    ),
    (
        "kraken",
        "BTC/USD",
        lambda second: kraken_second_book(second, "snapshot"),
        lambda second: kraken_second_book(second, "update"),
    ),
    (
        "coinbase",
        "BTC-USD",
        lambda second: coinbase_exchange_book(second, "snapshot"),
        lambda second: coinbase_exchange_book(second, "l2update"),
    ),
]
UNCOUNTED = (MAKERS[2], MAKERS[5], MAKERS[6])
"""Feeds that do not count their updates: Kraken's have checksums instead, Coinbase Exchange's nothing."""
"""Exchange, symbol, its snapshot and its change at a second."""


def unbroken(maker: Maker, seconds: int, snapshots: Sequence[int] = (0,)) -> Feed:
    """One message a second: a snapshot at the given seconds, else a change."""
    _, _, snapshot, diff = maker
    return timed([(snapshot if second in snapshots else diff)(second) for second in range(seconds)])


def hyperliquid_book(second: int) -> dict[str, Any]:
    bids = [["100.5", str(second + 3)], *BIDS[1:]]
    levels = [[{"px": p, "sz": a, "n": 1} for p, a in side] for side in (bids, ASKS)]
    return {"channel": "l2Book", "data": {"coin": "BTC", "time": ms(second), "levels": levels}}
