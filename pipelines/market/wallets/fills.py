"""Reading fills: the venue's own `userFills` answers and a collector's JSON lines. What is made of them is elsewhere.

Side codes: A = ask = sold = −1, B = bid = bought = +1, seen from the wallet (an earlier system had A as bought).
With a trade id, a fill of one side that comes again with equal values is dropped and counted, with others
quarantined. Without one it is kept and counted: two fills of a wallet can truly share time, side, price and size.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from pipelines.market.native.fields import as_text, flaw_of, millis_us, whole
from pipelines.market.native.gathered import Refused, table
from pipelines.market.native.stamps import Stamps
from pipelines.market.schemas import FILLS

CODES = {"A": -1, "B": 1}
WORDS = {"sell": -1, "buy": 1}
SAME = ("time", "address", "coin", "side", "price", "size")


@dataclass(frozen=True)
class ParsedFills:
    """Fills of one reading: every row sent is accepted, quarantined or a dropped repeat."""

    rows: pl.DataFrame  # FILLS, sorted by time, then by everything else
    quarantine: pl.DataFrame  # QUARANTINE; `line` is the 1-based number of the fill
    repeats: int  # fills with a known trade id that came again with equal values; dropped
    lookalikes: int  # fills without a trade id that equal another in every field; kept
    notes: tuple[str, ...] = ()

    @property
    def sent(self) -> int:
        """Fills that came."""
        return self.rows.height + self.quarantine.height + self.repeats


def parse_user_fills(
    answer: Iterable[Any], address: str, file: str, window: tuple[datetime, datetime]
) -> ParsedFills:
    """FILLS of a userFills answer: objects with coin, px, sz, side, time (ms), tid; `address` is who was asked for."""
    reading = _Reading(file, window)
    for line, fill in enumerate(answer, start=1):
        if not isinstance(fill, Mapping):
            reading.refused.add(line, "is no fill", json.dumps(fill))
            continue
        reading.add(
            line, fill.get("time"), address, fill.get("coin"), CODES.get(str(fill.get("side"))),
            fill.get("px"), fill.get("sz"), fill.get("tid"),
        )  # fmt: skip
    return reading.parsed()


def parse_fill_lines(lines: Iterable[str], file: str, window: tuple[datetime, datetime]) -> ParsedFills:
    """FILLS of JSON lines with ts (ms), address, coin, side (buy | sell), price and size."""
    reading = _Reading(file, window)
    for line, text in enumerate(lines, start=1):
        try:
            fill = json.loads(text, parse_float=str)
        except ValueError:
            fill = None
        if not isinstance(fill, dict):
            reading.refused.add(line, "is no JSON object", text)
            continue
        reading.add(
            line, fill.get("ts"), fill.get("address"), fill.get("coin"), WORDS.get(str(fill.get("side"))),
            fill.get("price"), fill.get("size"), fill.get("tid"),
        )  # fmt: skip
    return reading.parsed()


class _Reading:
    """Fills of one file as they are read."""

    def __init__(self, file: str, window: tuple[datetime, datetime]) -> None:
        self.refused, self.stamps = Refused(file), Stamps(window)
        self.rows: list[tuple[Any, ...]] = []
        self.known: dict[tuple[str, int, int], tuple[int, tuple[Any, ...]]] = {}
        self.repeats = 0

    def add(
        self, line: int, ms: Any, address: Any, coin: Any, side: int | None, price: Any, size: Any, tid: Any
    ) -> None:
        """One fill."""
        time, number = millis_us(ms), whole(tid) or None  # conversions of dust all have tid 0
        flaw = (
            self.stamps.flaw_of((time, None))
            or (None if isinstance(address, str) and address else "names no wallet")
            or (None if isinstance(coin, str) and coin else "names no coin")
            or ("side is neither of the two codes" if side is None else None)
            or flaw_of(price, "price")
            or flaw_of(size, "size")
            or ("tid is not a whole number" if tid is not None and whole(tid) is None else None)
        )
        if flaw is not None or side is None:
            self.refused.add(
                line, flaw or "has no side", (ms, address, coin, side, as_text(price), as_text(size), tid)
            )
            return
        row = (
            time,
            address.lower(),
            coin,
            side,
            float(str(as_text(price))),
            float(str(as_text(size))),
            number,
        )
        if number is not None:
            first = self.known.setdefault((row[1], number, side), (line, row))
            if first[0] != line:
                self._again(line, first, row)
                return
        self.rows.append(row)

    def _again(self, line: int, first: tuple[int, tuple[Any, ...]], row: tuple[Any, ...]) -> None:
        if first[1] == row:
            self.repeats += 1
        else:
            self.refused.add(line, f"repeats the tid of fill {first[0]} with other values", row)

    def parsed(self) -> ParsedFills:
        """The fills, sorted so that the order of arrival leaves no trace."""
        rows = table(self.rows, FILLS).sort(*SAME, "id", nulls_last=True)
        lookalikes = lookalike_count(rows)
        counts = (
            (self.repeats, "fills came again with the same trade id and were dropped"),
            (
                lookalikes,
                "fills without a trade id equal another in every field and were kept: two can truly do",
            ),
        )
        notes = tuple(f"{count} {what}" for count, what in counts if count)
        return ParsedFills(rows, self.refused.drain(), self.repeats, lookalikes, notes)


def lookalike_count(fills: pl.DataFrame) -> int:
    """How many FILLS without a trade id repeat an earlier one in every field."""
    bare = fills.filter(pl.col("id").is_null())
    return bare.height - bare.n_unique(list(SAME)) if bare.height else 0
