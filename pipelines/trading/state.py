"""What a session knows between two bars, as immutable records. How it changes is `session.step`."""

from typing import NamedTuple

from pipelines.trading.events import Order
from pipelines.trading.ledger import Account


class Book(NamedTuple):
    """What a session knows of one symbol after its last bar."""

    symbol: str
    account: Account
    mark: int = 0  # last close, minor quote units
    last_bar: int = -1  # open time of the last decided bar, us
    signal_time: int = -1  # bar of the last forecast good enough to enter on, us
    warm: bool = False  # a forecast has come at least once
    pending: Order | None = None  # to be settled at the next open


class State(NamedTuple):
    """What a session knows: one book a symbol, in the order of `SessionConfig.symbols`."""

    books: tuple[Book, ...]

    @property
    def cash(self) -> int:
        """Cash of all sleeves, minor units."""
        return sum(book.account.cash for book in self.books)

    @property
    def equity(self) -> int:
        """Cash plus positions at their last closes, minor units."""
        return sum(book.account.equity(book.mark) for book in self.books)

    @property
    def realised(self) -> int:
        """Profit of everything closed, before fees, minor units."""
        return sum(book.account.realised for book in self.books)

    @property
    def fees(self) -> int:
        """Fees paid, minor units."""
        return sum(book.account.fees for book in self.books)
