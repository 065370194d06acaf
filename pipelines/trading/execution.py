"""Paper execution: an order meets the next open. No decisions live here.

A fill is worse than the open by half the spread and the slippage, and pays the fee. An order to close fills
at the first open that comes, however late (after a gap: the gap's open). An order to open fills only at the
immediate next bar and is cut so that notional plus fee stay within `max_position` of the cash: the last
limit, on the final order.
"""

from typing import Protocol

from pipelines.trading.costs import Costs
from pipelines.trading.events import Bar, Cancel, Event, Fill, Order
from pipelines.trading.ledger import Account, post
from pipelines.trading.money import PPB, SCALE, floor_to, value


class Terms(Protocol):
    """What execution reads of a session's configuration."""

    @property
    def costs(self) -> Costs:
        """Costs of one side."""

    @property
    def bar_us(self) -> int:
        """Length of a bar, us."""

    @property
    def share_ppb(self) -> int:
        """Largest entry as a share of equity, parts per billion."""

    @property
    def step_minor(self) -> int:
        """Quantity step, units of 1e-8 base."""


def settle(account: Account, order: Order, bar: Bar, terms: Terms, events: list[Event]) -> Account:
    """The account after an order met the open of `bar`; its fills and cancels are appended to `events`."""
    if order.closing:
        account = _fill(account, order, "close", order.closing, bar, terms, events)
    if not order.opening:
        return account
    if bar.open_time != order.decided_at + terms.bar_us:
        events.append(Cancel(order.symbol, order.decided_at, bar.open_time, order.opening, "gap"))
        return account
    quantity = _affordable(account, order.opening, bar, terms)
    if not quantity:
        events.append(Cancel(order.symbol, order.decided_at, bar.open_time, order.opening, "unaffordable"))
        return account
    return _fill(account, order, "open", quantity, bar, terms, events)


def _affordable(account: Account, wanted: int, bar: Bar, terms: Terms) -> int:
    """The signed quantity that may be opened from a flat account at the open of `bar`."""
    side = 1 if wanted > 0 else -1
    price = terms.costs.fill_price(bar.open, side)
    budget = terms.share_ppb * max(account.cash, 0) * SCALE // (price * (PPB + terms.costs.fee_ppb))
    return side * min(abs(wanted), floor_to(budget, terms.step_minor))


def _fill(
    account: Account, order: Order, leg: str, quantity: int, bar: Bar, terms: Terms, events: list[Event]
) -> Account:
    price = terms.costs.fill_price(bar.open, 1 if quantity > 0 else -1)
    cash = value(-quantity, price)
    fill = Fill(
        order.symbol, order.decided_at, leg, bar.open_time, quantity, price, cash, terms.costs.fee(cash)
    )
    events.append(fill)
    return post(account, fill)
