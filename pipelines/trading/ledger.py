"""Double entry from fills alone: accounts, postings, and the replay that proves a book.

No decisions live here.

Identities, exact in integers (`honesty-and-reliability.md` 2.6): position = sum of signed fills;
cash = initial + sum(fill.cash) - sum(fees); equity = initial + realised + unrealised - fees.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipelines.trading.events import Fill
from pipelines.trading.money import value


class Account(NamedTuple):
    """Books of one symbol, minor units.

    `cost` is what the open quantity was bought for (negative when short).
    """

    cash: int
    quantity: int = 0
    cost: int = 0
    realised: int = 0  # before fees
    fees: int = 0

    @property
    def average_price(self) -> int:
        """Entry price of the open quantity in minor units, nearest below; 0 when flat."""
        return self.cost * 10**8 // self.quantity if self.quantity else 0

    def equity(self, mark: int) -> int:
        """Cash plus the worth of the open quantity at `mark`."""
        return self.cash + value(self.quantity, mark)

    def unrealised(self, mark: int) -> int:
        """Worth of the open quantity at `mark` minus what it cost."""
        return value(self.quantity, mark) - self.cost


class Line(NamedTuple):
    """One posting; exactly one of debit and credit is positive, both are >= 0."""

    account: str  # cash | fees | realised | position:<symbol>
    debit: int
    credit: int


def post(account: Account, fill: Fill) -> Account:
    """The account after a fill.

    A fill against the position first releases cost in proportion to the quantity closed; the rest opens.
    """
    gained = _gained(account, fill)
    return Account(
        cash=account.cash + fill.cash - fill.fee,
        quantity=account.quantity + fill.quantity,
        cost=account.cost + gained - fill.cash,
        realised=account.realised + gained,
        fees=account.fees + fill.fee,
    )


def lines(account: Account, fill: Fill) -> tuple[Line, ...]:
    """Postings of a fill on the account it meets: debits equal credits; two lines or more if money moved."""
    gained = _gained(account, fill)
    postings = (
        _line(f"position:{fill.symbol}", gained - fill.cash),
        _line("realised", -gained),
        _line("fees", fill.fee),
        _line("cash", fill.cash - fill.fee),
    )
    return tuple(line for line in postings if line.debit or line.credit)


def _gained(account: Account, fill: Fill) -> int:
    """Profit of the part of a fill that closes: its cash minus the cost released in proportion."""
    if account.quantity * fill.quantity >= 0:
        return 0
    closed = min(abs(fill.quantity), abs(account.quantity))
    released = account.cost * closed // abs(account.quantity)
    return fill.cash * closed // abs(fill.quantity) - released


def _line(account: str, amount: int) -> Line:
    return Line(account, max(amount, 0), max(-amount, 0))


def replay(fills: Iterable[Fill], capital: Mapping[str, int]) -> dict[str, Account]:
    """Books of every symbol rebuilt from genesis: `capital` is each symbol's initial cash in minor units."""
    accounts = {symbol: Account(cash) for symbol, cash in capital.items()}
    for fill in fills:
        accounts[fill.symbol] = post(accounts[fill.symbol], fill)
    return accounts
