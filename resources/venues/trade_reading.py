"""Raw trades of one span as TRADES: judged row by row, without repeats, in order. Asking for them is trade_pages.py."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from pipelines.market.native.far_trades import REASON as FAR_AWAY
from pipelines.market.native.far_trades import far_from_neighbours
from pipelines.market.native.fields import as_text, flaw_of
from pipelines.market.native.gathered import Refused, table
from pipelines.market.native.stamps import Stamps
from pipelines.market.rows import EARLIEST
from pipelines.market.schemas import TRADES
from resources.venues.fields import micros
from resources.venues.forward import Span
from resources.venues.trade_forms import Trade

FUTURE = timedelta(minutes=1)
"""A trade further ahead of our clock than this has a broken stamp; a clock may be a little wrong."""
LARGEST = 1 << 63


class Reading:
    """Trades of one span as they are read."""

    def __init__(self, name: str, span: Span, now: datetime) -> None:
        self.name, self.refused = name, Refused(name)
        self._start, self._end = micros(span[0]), micros(span[1])
        self._stamps = Stamps((EARLIEST, max(now, span[0]) + FUTURE))
        self._known: dict[Any, tuple[int, tuple[Any, ...]]] = {}
        self.numbers: list[int] = []  # every id that was seen, those outside the span too
        self.times: list[int] = []  # and when
        self.numbered, self.repeats, self._line = True, 0, 0
        self.disorder = 0  # neighbours in an answer whose times run against the direction of the others
        self.first: int | None = None
        self.unproven = False  # nothing shows that the venue has no older trades of the span
        self.spoiled: list[int] = []  # times of quarantined trades in the span
        self._refused: set[str] = set()

    def add(self, trades: Iterable[Trade]) -> None:
        """One answer; trades outside of the span only serve to prove that nothing lies between."""
        answer = list(trades)
        self.disorder += _against([trade.time for trade in answer if trade.time is not None])
        for trade in answer:
            self._line += 1
            flaw = self._flaw_of(trade)
            if trade.time is not None and self._stamps.flaw_of((trade.time, None)) is None:
                self._see(trade)
                if not self._start <= trade.time < self._end:
                    continue
            if flaw is not None:
                self._refuse(trade, flaw)
                continue
            row = (trade.time, trade.side, as_text(trade.price), as_text(trade.amount))
            key = row if trade.id in (None, "") else str(trade.id)
            line, first = self._known.setdefault(key, (self._line, row))
            if line != self._line and first == row:
                self.repeats += 1
            elif line != self._line:
                self._refuse(trade, f"repeats the id of trade {line} with other values")

    def set_far_aside(self) -> None:
        """Refuse trades at a price that nobody near them paid; only when every answer is in (F27)."""
        order = sorted(self._known.items(), key=lambda item: (item[1][1][0], _whole(item[0]) or item[1][0]))
        prices = np.array([float(row[2]) for _, (_, row) in order], dtype=np.float64)
        for place in np.flatnonzero(far_from_neighbours(prices)):
            key, (line, row) = order[place]
            del self._known[key]
            self.refused.add(line, FAR_AWAY, ",".join(str(value) for value in (*row, key)))
            self.spoiled.append(row[0])

    def frame(self) -> pl.DataFrame:
        """TRADES sorted by (time, id); without whole numbers as ids they are numbered in the order of their times."""
        rows = [
            (time, None, _whole(key), side, float(price), float(amount))
            for key, (_, (time, side, price, amount)) in self._known.items()
        ]
        if self.numbered:
            return table(rows, TRADES).sort("time", "id")
        plain = [(time, None, None, *rest) for time, _, _, *rest in rows]
        return (
            table(plain, TRADES)
            .sort("time", maintain_order=True)
            .with_columns(pl.int_range(pl.len()).alias("id"))
        )

    def _flaw_of(self, trade: Trade) -> str | None:
        return (
            self._stamps.flaw_of((trade.time, None))
            or ("side is neither of the venue's two words" if trade.side is None else None)
            or flaw_of(trade.price, "price")
            or flaw_of(trade.amount, "amount")
        )

    def _see(self, trade: Trade) -> None:
        assert trade.time is not None
        number = _whole(trade.id)
        self.first = trade.time if self.first is None else min(self.first, trade.time)
        if number is None:
            self.numbered = False
        else:
            self.numbers.append(number)
            self.times.append(trade.time)

    def _refuse(self, trade: Trade, reason: str) -> None:
        """Set a trade aside; one that an overlap brings again is a repeat."""
        text = json.dumps(trade.raw, default=str)
        if text in self._refused:
            self.repeats += 1
            return
        self._refused.add(text)
        self.refused.add(self._line, reason, text)
        if trade.time is not None and self._start <= trade.time < self._end:
            self.spoiled.append(trade.time)


def _against(times: list[int]) -> int:
    """Steps between neighbours that run against most steps: newest first is an order as good as oldest first."""
    later = sum(left < right for left, right in pairwise(times))
    earlier = sum(left > right for left, right in pairwise(times))
    return min(later, earlier)


def _whole(value: Any) -> int | None:
    text = value if isinstance(value, str) else str(value) if type(value) is int else ""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and abs(int(text)) < LARGEST else None
