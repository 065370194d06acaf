"""Trades of one symbol as they come: rules, repeats, order. Which field of a message is what is the exchanges'.

A trade that comes again with equal values is counted; one that comes again with other values is quarantined.
A repeat is recognised within the last REMEMBERED trades; the gathering of a whole day sees those further back.
"""

from typing import Any

import polars as pl

from pipelines.market.native.far_trades import REASON as FAR_AWAY
from pipelines.market.native.far_trades import far_from_neighbours
from pipelines.market.native.fields import as_text, flaw_of, whole
from pipelines.market.native.gathered import Refused, table
from pipelines.market.native.stamps import Stamp, Stamps
from pipelines.market.schemas import TRADES
from pipelines.market.text_table import LINE

REMEMBERED = 200_000


class Trades:
    """Accepted trades since the last drain, and counts of the others."""

    def __init__(self, refused: Refused, stamps: Stamps, dense_ids: bool = False) -> None:
        """`dense_ids`: the venue numbers the trades of a symbol without a hole, so a hole is a lost trade."""
        self.refused, self.stamps, self.dense_ids = refused, stamps, dense_ids
        self.sent = self.repeats = self.out_of_order = 0
        self._rows: list[tuple[int, int | None, int, int, float, float, int]] = []
        self._known: dict[int, tuple[int, tuple[int, int, float, float]]] = {}
        self._arrived = self._present = 0
        self._newest: tuple[int, int] | None = None
        self._span: tuple[int, int] | None = None

    def add(self, line: int, stamp: Stamp, identity: Any, side: int | None, price: Any, amount: Any) -> None:
        """One trade; `identity` is the venue's whole number, or NUMBERED where the venue has none."""
        self.sent += 1
        time, local = stamp
        self._arrived += 1
        number = self._arrived if identity is NUMBERED else whole(identity)
        flaw = (
            self.stamps.flaw_of(stamp)
            or ("id is not a whole number" if number is None or number < 0 else None)
            or ("side is neither buy nor sell" if side is None else None)
            or flaw_of(price, "price")
            or flaw_of(amount, "amount")
        )
        values = (time, side, as_text(price), as_text(amount))
        if flaw is not None or time is None or number is None or side is None:
            self.refused.add(line, flaw or "is no trade", (*values, identity))
            return
        row = (time, side, float(str(values[2])), float(str(values[3])))
        if identity is not NUMBERED and self._came_before(line, number, row):
            return
        self._place(time, number)
        self._rows.append((time, local, number, *row[1:], line))

    def drain(self, with_lines: bool = False) -> pl.DataFrame:
        """TRADES (and LINE, if asked for) since the last drain, sorted by (time, id), without far outliers."""
        rows, self._rows = self._rows, []
        found = table(rows, {**TRADES, LINE: pl.Int64}).sort("time", "id")
        far = pl.Series(far_from_neighbours(found["price"].to_numpy()), dtype=pl.Boolean)
        for row in found.filter(far).iter_rows(named=True):
            self.refused.add(row[LINE], FAR_AWAY, [row[name] for name in TRADES])
        kept = found.filter(~far)
        return kept if with_lines else kept.drop(LINE)

    def _came_before(self, line: int, number: int, row: tuple[int, int, float, float]) -> bool:
        first = self._known.get(number)
        if first is None:
            if len(self._known) >= REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[number] = (line, row)
            return False
        if first[1] == row:
            self.repeats += 1
        else:
            self.refused.add(line, f"repeats the id of message {first[0]} with other values", (*row, number))
        return True

    def see(self, identity: Any) -> None:
        """An id that the venue gave to something that is no trade of the market: it is not missing."""
        number = whole(identity)
        if number is not None:
            self._span = (
                (min(number, self._span[0]), max(number, self._span[1])) if self._span else (number, number)
            )
            self._present += 1

    @property
    def missing_ids(self) -> int:
        """Ids between the first and the last that never came, where the venue numbers without a hole."""
        if not self.dense_ids or self._span is None:
            return 0
        return self._span[1] - self._span[0] + 1 - self._present

    def _place(self, time: int, number: int) -> None:
        self.see(number)
        self.out_of_order += self._newest is not None and (time, number) < self._newest
        self._newest = max((time, number), self._newest or (time, number))


class _Numbered:
    """The venue gives no id: trades are numbered by arrival."""


NUMBERED = _Numbered()
