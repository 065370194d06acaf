"""Aggregates that look back over several minutes: features 35, 47, 49, 52. Only the day's rows come out.

Each window is summed afresh from its minutes: no running sum, so nothing drifts and nothing before the window
can leave dust in it.
"""

import numpy as np

from pipelines.market.minute_bars.events import DAY, HISTORY, Floats, Trades
from pipelines.market.minute_bars.moments import merge, sum_of
from pipelines.market.minute_bars.trade_minutes import TradeMinutes

BP = 1e4
LARGE_SIGMAS = 2.0


def large_trades(trades: Trades, minutes: TradeMinutes) -> Floats:
    """Trades above mean + 2 std of all trades of the 60 minutes before theirs, (DAY,)."""
    before = merge(minutes.size, _minutes(60, lag=1))
    threshold = np.where(before.count < 2, np.inf, before.mean + LARGE_SIGMAS * before.std())
    counts = minutes.count[HISTORY:]
    live = np.flatnonzero(counts)
    begin = trades.bounds[HISTORY]
    large = trades.amount[begin:] > np.repeat(threshold, counts)
    out = np.zeros(DAY)
    out[live] = np.add.reduceat(large, trades.bounds[HISTORY:-1][live] - begin, dtype=np.int64)
    return out


def tick_volatility_5m(minutes: TradeMinutes) -> Floats:
    """1e4 * std of the trade prices of 5 minutes / the last of them, bp (DAY,); 0 below two trades."""
    merged = merge(minutes.price, _minutes(5))
    few = merged.count < 2
    return np.where(few, 0.0, BP * merged.std() / np.where(few, 1.0, last_price(minutes)))


def vwap_distance(minutes: TradeMinutes) -> Floats:
    """1e4 * (C - vwap) / vwap over the trades of 60 minutes, bp (DAY,); 0 when none.

    Computed as the volume-weighted distance from C, so that a flat price gives 0 exactly.
    """
    close = last_price(minutes)
    traded = minutes.count > 0
    volume, price = minutes.bought + minutes.sold, np.where(traded, minutes.open, 0.0)
    total = sum_of(volume[w] for w in _minutes(60))
    pull = sum_of(minutes.pull[w] + volume[w] * (price[w] - close) for w in _minutes(60))
    none = total == 0
    distance = pull / np.where(none, 1.0, total)  # vwap - C
    return np.where(none, 0.0, -BP * distance / np.where(none, 1.0, close + distance))


def spread_volatility(bid_ask_spread: Floats) -> Floats:
    """Std (ddof 1) of the last 10 minutes' bid_ask_spread with this one, bp (DAY,); NaN if one is unknown."""
    window = np.stack([bid_ask_spread[w] for w in _minutes(10)])
    from_widest = window - window.max(axis=0)  # equal spreads give 0 exactly
    return np.asarray(from_widest.std(axis=0, ddof=1))


def last_price(minutes: TradeMinutes) -> Floats:
    """Price of the last trade up to each close: C, carried over minutes without a trade (DAY,)."""
    index = np.where(minutes.count > 0, np.arange(len(minutes.count)), 0)
    return minutes.close[np.maximum.accumulate(index)][HISTORY:]


def _minutes(n: int, lag: int = 0) -> list[slice]:
    """One slice of the grid per minute of the windows of n that end `lag` minutes before the day's own."""
    first = HISTORY - lag - n + 1
    return [slice(begin, begin + DAY) for begin in range(first, first + n)]
