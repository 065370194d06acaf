"""Raw captures of exchange messages as tapes that can be replayed by minute, framed as Tardis frames them.

Two layouts are read: lines of `<local ns> <json>` in gzip, and cryptofeed's JSON lines in zstd. Only what the
exchange sent counts (cryptofeed's connect becomes a disconnect mark); a REST depth snapshot is framed as
Tardis frames the ones it generates.
"""

import gzip
import io
import json
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import zstandard

from tests.venue.wire import moment

EXCHANGE_OF = (
    ("binance_usdm", "binance-futures"),
    ("cryptofeed_BINANCE_FUTURES", "binance-futures"),
    ("cryptofeed_COINBASE", "coinbase"),
    ("cryptofeed_KRAKEN", "kraken"),
    ("cryptofeed_DERIBIT", "deribit"),
    ("hyperliquid", "hyperliquid"),
)
SYMBOL_IN_NAME = re.compile(r"_([a-z]+usdt)_")


class Line(NamedTuple):
    """One message; an empty one is a disconnect."""

    ns: int
    message: bytes
    channel: str
    symbol: str


class Tape:
    """Messages of one exchange, sorted by local time."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = sorted(lines, key=lambda line: line.ns)
        self.stamps = [line.ns for line in self.lines]
        self.channels = sorted({line.channel for line in lines} - {""})

    def between(self, low_ns: int, high_ns: int) -> list[Line]:
        """Messages received in [low, high) ns."""
        return self.lines[bisect_left(self.stamps, low_ns) : bisect_left(self.stamps, high_ns)]


def framed(lines: Sequence[Line]) -> bytes:
    """A 28-character timestamp, one space and the message per line; an empty line is a disconnect."""
    rows = [moment(line.ns, 7).encode() + b" " + line.message if line.message else b"" for line in lines]
    return b"".join(row + b"\n" for row in rows)


def wanted(line: Line, filters: Sequence[Mapping[str, object]]) -> bool:
    """Whether filters `[{"channel": ..., "symbols": [...]}]` let a message through; none lets all through."""
    if not filters or not line.message:
        return True
    for each in filters:
        symbols = each.get("symbols")
        names = [str(s).lower() for s in symbols] if isinstance(symbols, (list, tuple)) else []
        if each.get("channel") == line.channel and (not names or line.symbol.lower() in names):
            return True
    return False


def read_captures(
    captures: Sequence[Path] | Mapping[str, Sequence[tuple[int, bytes] | Line]],
) -> dict[str, Tape]:
    """Tapes by exchange; several files of one exchange are merged by local time."""
    found: dict[str, list[Line]] = {}
    if isinstance(captures, Mapping):
        for exchange, rows in captures.items():
            found[exchange] = [
                row if isinstance(row, Line) else Line(row[0], row[1], *about(row[1])) for row in rows
            ]
    else:
        for path in captures:
            exchange = exchange_of(path.name)
            found.setdefault(exchange, []).extend(lines_of(path))
    return {exchange: Tape(lines) for exchange, lines in found.items()}


def exchange_of(name: str) -> str:
    """The archive's exchange that a capture file is about; ValueError for a name that says none."""
    for start, exchange in EXCHANGE_OF:
        if name.startswith(start):
            return exchange
    raise ValueError(
        f"capture {name!r} names no exchange: expected a name that starts like {EXCHANGE_OF[0][0]}"
    )


def lines_of(path: Path) -> list[Line]:
    """Messages of a capture; raises what its packing or its lines raise when they are broken."""
    if path.name.endswith(".jsonl.zst"):
        with path.open("rb") as file:
            text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
            return [line for row in text if (line := _cryptofeed(json.loads(row)))]
    symbol = SYMBOL_IN_NAME.search(path.name)
    lines = []
    with gzip.open(path, "rb") as rows:
        for row in rows:
            ns, _, message = row.rstrip(b"\n").partition(b" ")
            if message.startswith(b'{"lastUpdateId"') and symbol:
                message = b'{"stream":"%s@depthSnapshot","generated":true,"data":%s}' % (
                    symbol[1].encode(),
                    message,
                )
            lines.append(Line(int(ns), message, *about(message)))
    return lines


def _cryptofeed(row: dict[str, object]) -> Line | None:
    """One line of cryptofeed's capture; None for what the exchange did not push."""
    if row.get("t") not in ("recv", "connect"):
        return None
    ns = round(float(str(row["ts"])) * 1e6) * 1000
    if row["t"] == "connect":
        return Line(ns, b"", "", "")
    message = str(row["data"]).replace("\n", "").encode()
    return Line(ns, message, *about(message))


STREAM = re.compile(rb'"stream":\s?"([^"@]+)@([^"@]+)')
CHANNEL = re.compile(rb'"channel":\s?"([^"]+)"')
TOPIC = re.compile(rb'^\{"topic":\s?"([^"]+)\.([^".]+)"')
TYPE = re.compile(rb'"type":\s?"([^"]+)"')
PRODUCT = re.compile(rb'"(?:product_id|coin|symbol|s)":\s?"([^"]+)"')
TAIL = re.compile(rb',\s?"([^"]+)",\s?"([^"]+)"\]\s*$')


def about(message: bytes) -> tuple[str, str]:
    """Channel and symbol of a message, by each exchange's own fields; empty where it has none."""
    stream = STREAM.search(message[:200])
    if stream:
        return stream[2].decode(), stream[1].decode()
    tail = TAIL.search(message[-60:]) if message.startswith(b"[") else None
    if tail:
        return tail[1].decode().split("-")[0], tail[2].decode()
    topic = TOPIC.match(message)
    if topic:
        return topic[1].decode(), topic[2].decode()
    product = PRODUCT.search(message)
    symbol = product[1].decode() if product else ""
    channel = CHANNEL.search(message) or (TYPE.search(message) if symbol else None)
    name = channel[1].decode() if channel else ""
    if "." in name:  # Deribit's own name has the instrument and the interval in it
        name, _, rest = name.partition(".")
        symbol = rest.rpartition(".")[0]
    return name, symbol
