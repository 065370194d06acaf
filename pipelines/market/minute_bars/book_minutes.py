"""What the order book says of each minute: time-weighted means, mids, last states. No trade here.

A state stands from its update until the next one, for at most 60 s: over (u, min(u_next, u + 60 s)]. It is
unknown where a needed level is missing, and where ask <= bid (an untrustworthy book does not bring the
previous state back). Since 60 s is a minute, a state reaches at most into the next minute.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.market.minute_bars.events import MINUTE_US, MINUTES, Book, Floats, Ints
from pipelines.market.minute_bars.order_flow import order_flow

Bools = npt.NDArray[np.bool_]
BP = 1e4
HALF_BAR_SECONDS = 30.0  # a time-weighted mean of less than half the bar is null


@dataclass(frozen=True)
class States:
    """The standing states, one per update (N,); NaN where unknown."""

    time: Ints  # update
    end: Ints  # last instant at which the state stands
    mid: Floats  # quote


@dataclass(frozen=True)
class BookMinutes:
    """Per-minute book aggregates on the grid (MINUTES,), NaN where unknown."""

    updates: Ints
    crossed: Ints
    seconds: dict[int, Floats]  # by levels needed (1, 5, 10): seconds of the minute that are known
    bid_ask_spread: Floats  # bp
    order_book_imbalance: Floats
    book_pressure_5: Floats
    book_pressure_10: Floats
    weighted_mid_price: Floats  # quote, standing at the close
    microprice: Floats  # quote, standing at the close
    mid_end: Floats  # quote, standing at the close
    flow_imbalance: Floats  # base: signed level-1 size changes of the minute's updates
    level1_size: Floats  # base*s: integral of the mean of both best sizes over the known seconds


def book_minutes(book: Book, edges: Ints) -> tuple[States, BookMinutes]:
    """Aggregate the book of each minute (Book -> states (N,) and arrays of shape (MINUTES,))."""
    counts = np.diff(book.bounds)
    live = np.flatnonzero(counts)
    known, crossed = _known_levels(book)
    bid, ask = book.bid_price[0], book.ask_price[0]
    mid = np.where(known[1], (ask + bid) / 2.0, np.nan)
    states = States(book.time, _ends(book.time), mid)
    starts, last = book.bounds[live], book.bounds[live + 1] - 1
    share = _Shares(states, np.repeat(edges[1:], counts), starts, last, live)
    seconds, means = {}, {}
    for levels, known_levels in known.items():
        seconds[levels] = share.seconds(known_levels)
        means[levels] = share.mean(_pressure(book, levels), known_levels)
    return states, BookMinutes(
        updates=counts,
        crossed=_count(crossed, starts, live),
        seconds=seconds,
        bid_ask_spread=share.mean(BP * (ask - bid) / mid, known[1]),
        order_book_imbalance=means[1],
        book_pressure_5=means[5],
        book_pressure_10=means[10],
        weighted_mid_price=_on_grid(live, _weighted_mid(book, last, known[5][last])),
        microprice=_on_grid(live, _microprice(book, last, known[1][last])),
        mid_end=_on_grid(live, mid[last]),  # no update inside a minute = at its close over 60 s old
        flow_imbalance=_sum(order_flow(book, states.end, known[1]), starts, live),
        level1_size=share.integral((book.bid_amount[0] + book.ask_amount[0]) / 2.0, known[1]),
    )


@dataclass(frozen=True)
class _Shares:
    """How long each state stands inside its own minute, and the last of a minute inside the next."""

    states: States
    close: Ints  # (N,) of the update's minute
    starts: Ints  # first update of each live minute
    last: Ints  # and its last
    live: Ints

    def seconds(self, known: Bools) -> Floats:
        """Known seconds of each minute, 0..60."""
        return self._sum(known.astype(float)) / 1e6

    def integral(self, x: Floats, known: Bools) -> Floats:
        """Sum of x times the seconds of each minute in which it stands and is known."""
        return self._sum(np.where(known, x, 0.0)) / 1e6

    def mean(self, x: Floats, known: Bools) -> Floats:
        """Time-weighted mean of x over the known time; NaN when less than half the minute is known."""
        seconds = self.seconds(known)
        total = self.integral(x, known)
        enough = seconds >= HALF_BAR_SECONDS
        return np.where(enough, total / np.where(enough, seconds, 1.0), np.nan)

    def _sum(self, x: Floats) -> Floats:
        """Integral of x over each minute, x times microseconds."""
        own = (np.minimum(self.states.end, self.close) - self.states.time) * x
        total = np.zeros(MINUTES + 1)
        total[self.live] = np.add.reduceat(own, self.starts)
        beyond = np.maximum(self.states.end - self.close, 0)[self.last]
        total[self.live + 1] += beyond * x[self.last]
        return total[:MINUTES]


def _ends(time: Ints) -> Ints:
    """Last instant of each state: the next update, or 60 s after its own."""
    end = time + MINUTE_US
    np.minimum(end[:-1], time[1:], out=end[:-1])
    return end


def _known_levels(book: Book) -> tuple[dict[int, Bools], Bools]:
    """By levels needed: are they all there and is the book uncrossed; and where ask <= bid."""
    crossed = book.ask_price[0] <= book.bid_price[0]
    here = ~crossed
    known: dict[int, Bools] = {}
    for level, columns in enumerate(
        zip(book.bid_price, book.bid_amount, book.ask_price, book.ask_amount, strict=True), start=1
    ):
        for column in columns:
            here = here & (column > 0)  # False for NaN: the venue shows no such level
        known[level] = here
    return {levels: known[levels] for levels in (1, 5, 10)}, crossed


def _depth(columns: list[Floats], levels: int) -> Floats:
    return np.asarray(sum(columns[1:levels], start=columns[0]))


def _pressure(book: Book, levels: int) -> Floats:
    """(bid size - ask size) / (bid size + ask size) over the best levels, [-1, 1]."""
    bids, asks = _depth(book.bid_amount, levels), _depth(book.ask_amount, levels)
    with np.errstate(invalid="ignore", divide="ignore"):  # 0/0 only where the levels are not known
        return np.divide(bids - asks, bids + asks)


def _microprice(book: Book, rows: Ints, known: Bools) -> Floats:
    """(b * v_a + a * v_b) / (v_a + v_b): the price leans to the side with the smaller size (Stoikov 2018)."""
    bid, ask = book.bid_price[0][rows], book.ask_price[0][rows]
    bid_size, ask_size = book.bid_amount[0][rows], book.ask_amount[0][rows]
    return _where_known(known, bid * ask_size + ask * bid_size, bid_size + ask_size)


def _weighted_mid(book: Book, rows: Ints, known: Bools) -> Floats:
    """The same lean between the size-weighted mean prices of the best five bids and asks, quote."""
    bid_sizes = np.stack([x[rows] for x in book.bid_amount[:5]])
    ask_sizes = np.stack([x[rows] for x in book.ask_amount[:5]])
    bid_value = (np.stack([x[rows] for x in book.bid_price[:5]]) * bid_sizes).sum(axis=0)
    ask_value = (np.stack([x[rows] for x in book.ask_price[:5]]) * ask_sizes).sum(axis=0)
    bids, asks = bid_sizes.sum(axis=0), ask_sizes.sum(axis=0)
    mean_bid, mean_ask = _where_known(known, bid_value, bids), _where_known(known, ask_value, asks)
    return _where_known(known, mean_bid * asks + mean_ask * bids, bids + asks)


def _where_known(known: Bools, numerator: Floats, denominator: Floats) -> Floats:
    return np.where(known, numerator, np.nan) / np.where(known, denominator, 1.0)


def _count(flags: Bools, starts: Ints, live: Ints) -> Ints:
    out = np.zeros(MINUTES, dtype=np.int64)
    out[live] = np.add.reduceat(flags, starts, dtype=np.int64)
    return out


def _sum(x: Floats, starts: Ints, live: Ints) -> Floats:
    out = np.zeros(MINUTES)
    out[live] = np.add.reduceat(x, starts)
    return out


def _on_grid(live: Ints, values: Floats) -> Floats:
    out = np.full(MINUTES, np.nan)
    out[live] = values
    return out
