"""One trade as text, and where each known venue keeps its parts. Which rows to ask for is trade_pages.py."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from resources.venues.fields import at, micros_of_iso, micros_of_number

FLOAT = Decimal("0.25")
"""µs: seconds since the epoch as a float are known to a quarter of a microsecond, and Kraken sends them so."""
TAKERS_WORDS = {"buy": 1, "sell": -1}


@dataclass(frozen=True)
class Trade:
    """One trade as it was sent; `side` is the aggressor's, +1 bought, -1 sold, None for anything else."""

    time: int | None  # µs since the epoch
    id: Any
    side: int | None
    price: Any
    amount: Any
    raw: Any


@dataclass(frozen=True)
class Form:
    """Where a row has its parts."""

    time: Any
    id: Any
    side: Any
    price: Any
    amount: Any
    micros: Callable[[Any], int | None]
    sides: Mapping[str, int]  # the venue's word for the aggressor's side, or for the maker's, turned round
    dense: bool = False  # True: the venue numbers the trades of a market without a hole
    raw: Any = None  # where the row keeps the venue's own row, if it is not that

    @property
    def needed(self) -> tuple[Any, ...]:
        """Parts that every row of the form has."""
        return self.time, self.side, self.price, self.amount

    def time_of(self, row: Any) -> int | None:
        """µs since the epoch."""
        return self.micros(at(row, self.time))

    def key_of(self, row: Any) -> str:
        """Equal for the same trade in two answers."""
        identity = at(row, self.id)
        return repr(row) if identity in (None, "") else str(identity)

    def read(self, rows: Iterable[Any]) -> list[Trade]:
        """The rows as trades."""
        return [
            Trade(
                self.time_of(row),
                at(row, self.id),
                self.sides.get(str(at(row, self.side))),
                at(row, self.price),
                at(row, self.amount),
                row if self.raw is None else at(row, self.raw),
            )
            for row in rows
        ]


COINBASE = Form(
    "time", "trade_id", "side", "price", "size", micros_of_iso, {"SELL": 1, "BUY": -1}, dense=True
)
"""`side` is the maker's."""
KRAKEN = Form(
    2, 6, 3, 0, 1, partial(micros_of_number, per_second=1, fuzz=FLOAT), {"b": 1, "s": -1}, dense=True
)
ALPACA = Form("t", "i", "tks", "p", "s", micros_of_iso, {"B": 1, "S": -1})
OTHERS = Form(
    "timestamp",
    "id",
    "side",
    "price",
    "amount",
    partial(micros_of_number, per_second=1000),
    TAKERS_WORDS,
    raw="info",
)
"""ccxt's own, whose side is the taker's."""
FORMS = {"coinbase": COINBASE, "kraken": KRAKEN, "alpaca": ALPACA}
