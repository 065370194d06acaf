"""Effective spread of each trade against the mid standing before it. Only the meeting of trades and book."""

import numpy as np

from pipelines.market.minute_bars.book_minutes import States
from pipelines.market.minute_bars.events import MINUTES, Floats, Trades


def effective_spread(trades: Trades, states: States) -> tuple[Floats, Floats]:
    """Per minute (MINUTES,): sum of amount * 2e4 * side * (price - mid) / mid in bp, and of those amounts.

    The mid is that of the last update strictly before the trade and at most 60 s old; a trade without one is
    left out of both sums.
    """
    mid = mid_before(trades, states)
    x = trades.price - mid
    x /= mid
    x *= trades.side
    x *= trades.amount
    amount = trades.amount
    unknown = np.isnan(x)
    if unknown.any():
        x[unknown] = 0.0
        amount = np.where(unknown, 0.0, amount)
    return 2e4 * _by_minute(x, trades), _by_minute(amount, trades)


def mid_before(trades: Trades, states: States) -> Floats:
    """Mid standing before each trade (N,), NaN where none is known.

    State i is seen by the trades in (time_i, end_i]: it is laid over them as one run, and what lies between
    the runs is unknown. That needs one binary search per update, not per trade.
    """
    if not len(states.time):
        return np.full(len(trades.time), np.nan)
    first = np.searchsorted(trades.time, states.time, side="right")
    after = np.searchsorted(trades.time, states.end, side="right")
    runs = np.full(2 * len(states.time) + 1, np.nan)
    runs[1::2] = states.mid
    marks = np.empty(2 * len(states.time) + 2, dtype=np.int64)
    marks[0], marks[1:-1:2], marks[2:-1:2], marks[-1] = 0, first, after, len(trades.time)
    return np.repeat(runs, np.diff(marks))


def _by_minute(x: Floats, trades: Trades) -> Floats:
    live = np.flatnonzero(np.diff(trades.bounds))
    out = np.zeros(MINUTES)
    out[live] = np.add.reduceat(x, trades.bounds[live])
    return out
