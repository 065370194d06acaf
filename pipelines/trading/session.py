"""The session: one pure `step` per bar for backtest, replay and live.

No clock, no journal, no models live here.

Decided at a bar's close, filled at the immediate next bar's open (`execution.settle`), never earlier. Each
symbol trades an equal sleeve of the capital with its own cash. Hence a position never exceeds
`max_position` of its sleeve at entry, the session never exceeds `max_position` of its equity, and the order
in which the symbols of one bar are delivered cannot matter.
"""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from pipelines.errors import BadData, BadSettings, UnknownName
from pipelines.market.symbols import check_symbol
from pipelines.market.timeframes import minutes_of
from pipelines.trading import decision as rule
from pipelines.trading.costs import Costs
from pipelines.trading.decision import Action, Choice, Forecast
from pipelines.trading.events import Bar, Decision, EquityMark, Event, Order
from pipelines.trading.execution import settle
from pipelines.trading.ledger import Account
from pipelines.trading.money import PPB, SCALE, floor_to, to_minor
from pipelines.trading.state import Book, State


@dataclass(frozen=True)
class SessionConfig:
    """One paper trader. Raises BadSettings for values that cannot mean anything."""

    name: str
    symbols: tuple[str, ...]
    timeframe: str
    horizon: int  # bars that a forecast looks ahead, and that a position outlives its last edge
    capital: float = 100_000.0  # quote units, shared equally by the symbols
    max_position: float = 1.0  # largest entry as a share of equity, in (0, 1]
    costs: Costs = field(default_factory=Costs)
    margin: float = 0.0  # enter when |expected| > round trip x (1 + margin); fraction >= 0
    quantity_step: float = 1e-6  # base units; quantities are floored to it

    def __post_init__(self) -> None:
        """Check every field against its range."""
        minutes_of(self.timeframe)
        for symbol in self.symbols:
            check_symbol(symbol)
        for what, good, found, expected in (
            ("symbols", len(set(self.symbols)) == len(self.symbols) > 0, self.symbols, "distinct symbols"),
            ("horizon", self.horizon >= 1, self.horizon, "at least 1 bar"),
            ("capital", 0 < self.capital < 1e10, self.capital, "0 < quote units < 1e10"),
            ("max_position", 0 < self.max_position <= 1, self.max_position, "a share in (0, 1]"),
            ("margin", 0 <= self.margin < 1e3, self.margin, "a fraction >= 0"),
            ("quantity_step", 1e-8 <= self.quantity_step < 1e6, self.quantity_step, "at least 1e-8"),
        ):
            if not good:
                raise BadSettings(
                    f"session {self.name!r}: {what} is {found!r}, expected {expected}; correct it."
                )

    @cached_property
    def bar_us(self) -> int:
        """Length of a bar in microseconds."""
        return minutes_of(self.timeframe) * 60_000_000

    @cached_property
    def threshold(self) -> float:
        """Expected absolute log return above which a forecast is worth an entry."""
        return self.costs.round_trip * (1 + self.margin)

    @cached_property
    def step_minor(self) -> int:
        """Quantity step in units of 1e-8 base."""
        return to_minor(self.quantity_step)

    @cached_property
    def share_ppb(self) -> int:
        """`max_position` in parts per billion."""
        return round(self.max_position * PPB)

    @cached_property
    def sleeves(self) -> dict[str, int]:
        """Initial cash of each symbol, minor units; the first takes what does not divide."""
        each, rest = divmod(to_minor(self.capital), len(self.symbols))
        return {symbol: each + (rest if i == 0 else 0) for i, symbol in enumerate(self.symbols)}

    def record(self) -> dict[str, Any]:
        """The fields as plain values, for a journal to store and compare."""
        return asdict(self) | {"symbols": list(self.symbols)}


def opening_state(config: SessionConfig) -> State:
    """The state before the first bar: flat, each sleeve in cash."""
    return State(tuple(Book(symbol, Account(cash)) for symbol, cash in config.sleeves.items()))


def step(
    state: State, bar: Bar, forecast: Forecast | None, config: SessionConfig
) -> tuple[State, tuple[Event, ...]]:
    """State and events after one closed bar: settle at its open, decide at its close, mark.

    Exactly one Decision per symbol and bar: a bar at or before the last one seen returns the state
    unchanged and no events. Raises UnknownName for a symbol outside the session, BadData for a forecast of
    another bar.
    """
    place = _place(bar.symbol, config)
    book = state.books[place]
    if bar.open_time <= book.last_bar:
        return state, ()
    if forecast is not None and (forecast.open_time != bar.open_time or forecast.symbol != bar.symbol):
        raise BadData(
            f"forecast of {forecast.symbol} at {forecast.open_time} met {bar.symbol} at {bar.open_time}:"
            " expected the same symbol and open time; join them by both."
        )
    events: list[Event] = []
    account = book.account
    if book.pending is not None:
        account = settle(account, book.pending, bar, config, events)
    decided, order = _decide(book, account, bar, forecast, config)
    events.append(decided)
    if order is not None:
        events.append(order)
    events.append(mark(account, bar))
    after = Book(bar.symbol, account, bar.close, bar.open_time, decided.signal_time, decided.warm, order)
    return State((*state.books[:place], after, *state.books[place + 1 :])), tuple(events)


def _place(symbol: str, config: SessionConfig) -> int:
    try:
        return config.symbols.index(symbol)
    except ValueError:
        raise UnknownName(
            f"bar of {symbol!r} came to session {config.name!r}: expected one of {', '.join(config.symbols)};"
            " add the symbol to the session or stop sending it."
        ) from None


def mark(account: Account, bar: Bar) -> EquityMark:
    """The books at the close of a bar."""
    cash, quantity, _, realised, fees = account
    return EquityMark(
        bar.symbol, bar.open_time, cash, quantity, bar.close, account.equity(bar.close), realised, fees
    )


def _decide(
    book: Book, account: Account, bar: Bar, forecast: Forecast | None, config: SessionConfig
) -> tuple[Decision, Order | None]:
    held = account.quantity
    choice = _choose(book, held, bar, forecast, config)
    action = choice.action
    target = held
    if action is Action.EXIT:
        target = 0
    elif action is not Action.HOLD and action is not Action.STAY:
        side = (1 if action is Action.ENTER_LONG else -1) if held == 0 else (-1 if held > 0 else 1)
        target = side * _size(account.equity(bar.close), bar.close, config)
        if target == 0:
            choice = rule.TOO_SMALL if held == 0 else rule.FLIPPED
    signal_time = bar.open_time if choice.entry_quality else book.signal_time
    made = Decision(
        bar.symbol,
        bar.open_time,
        choice.action,
        choice.reason,
        held,
        target,
        bar.close,
        signal_time,
        book.warm or forecast is not None,
        bar.late,
        forecast,
    )
    return made, _order(made)


def _choose(book: Book, held: int, bar: Bar, forecast: Forecast | None, config: SessionConfig) -> Choice:
    expected = None if forecast is None else forecast.expected
    if held == 0:
        if forecast is None and not book.warm:
            return rule.WARMING
        return rule.when_flat(expected, config.threshold, bar.late)
    expired = bar.open_time - book.signal_time >= config.horizon * config.bar_us
    return rule.when_holding(expected, 1 if held > 0 else -1, config.threshold, expired, bar.late)


def _size(equity: int, price: int, config: SessionConfig) -> int:
    """Quantity worth `max_position` of the equity at a price, floored to the step; 0 without equity."""
    return floor_to(config.share_ppb * max(equity, 0) * SCALE // (PPB * price), config.step_minor)


def _order(made: Decision) -> Order | None:
    if made.target == made.quantity:
        return None
    return Order(made.symbol, made.open_time, -made.quantity, made.target)
