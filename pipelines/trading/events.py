"""Everything that goes into a session and comes out of it, as immutable records. No behaviour lives here.

Times are int64 microseconds since 1970 UTC (a bar is named by its open time); money, prices and quantities
are integers of 1e-8 (`money.SCALE`); quantities are signed, positive buys.
"""

from typing import NamedTuple

from pipelines.trading.decision import Action, Forecast, Reason


class Bar(NamedTuple):
    """One closed bar."""

    symbol: str
    open_time: int
    open: int
    close: int
    late: bool = (
        False  # delivered later than max(10 % of the bar, 5 s) after its close; the caller has the clock
    )


class Decision(NamedTuple):
    """The one decision of a bar, made at its close."""

    symbol: str
    open_time: int
    action: Action
    reason: Reason
    quantity: int  # held at the close
    target: int  # wanted from the next open on
    close: int
    signal_time: int  # bar of the last forecast good enough to enter on; -1 before any
    warm: bool  # a forecast has come at least once
    late: bool
    forecast: Forecast | None


class Order(NamedTuple):
    """What the next open is to do: close the old position, open a new one, or both (a reversal)."""

    symbol: str
    decided_at: int  # open time of the bar at whose close it was decided
    closing: int  # signed quantity that only reduces
    opening: int  # signed quantity that adds; dies when the next bar is not the immediate next one


class Fill(NamedTuple):
    """A trade; a reversal makes two."""

    symbol: str
    decided_at: int
    leg: str  # close | open
    time: int  # open time of the bar at whose open it was filled
    quantity: int
    price: int
    cash: int  # signed change of cash before the fee: floor(-quantity * price / 1e8)
    fee: int  # >= 0


class Cancel(NamedTuple):
    """An opening that did not happen."""

    symbol: str
    decided_at: int
    time: int
    quantity: int
    reason: str  # gap | unaffordable


class EquityMark(NamedTuple):
    """The books of a symbol at the close of a bar: equity = cash + quantity * mark, exactly."""

    symbol: str
    open_time: int
    cash: int
    quantity: int
    mark: int
    equity: int
    realised: int
    fees: int


Event = Decision | Order | Fill | Cancel | EquityMark
