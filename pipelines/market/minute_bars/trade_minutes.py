"""What the trades of each minute say by themselves: prices, volumes, moments, variance. No book here.

Every array is (MINUTES,) on the grid; prices and means are NaN in a minute without a trade.
"""

from dataclasses import dataclass

import numpy as np

from pipelines.market.minute_bars.events import MINUTES, Floats, Ints, Trades
from pipelines.market.minute_bars.moments import Moments, of_segments


@dataclass(frozen=True)
class TradeMinutes:
    """Per-minute trade aggregates, grid-shaped."""

    count: Ints
    open: Floats  # quote
    high: Floats
    low: Floats
    close: Floats
    bought: Floats  # base
    sold: Floats
    size: Moments  # of amounts, base
    price: Moments  # of prices, quote
    pull: Floats  # sum of amount * (price - open): volume * (vwap - open)
    realized_variance: Floats  # bp^2


def trade_minutes(trades: Trades) -> TradeMinutes:
    """Aggregate the trades of each minute (Trades -> arrays of shape (MINUTES,))."""
    counts = np.diff(trades.bounds)
    live = np.flatnonzero(counts)
    starts, n = trades.bounds[live], counts[live]
    p, q = trades.price, trades.amount
    price, from_open = of_segments(p, p[starts], starts, n)
    size, _ = of_segments(q, q[starts], starts, n)
    buys = np.where(trades.side > 0, q, 0.0)
    return TradeMinutes(
        count=counts,
        open=_on_grid(live, p[starts], np.nan),
        high=_on_grid(live, np.maximum.reduceat(p, starts), np.nan),
        low=_on_grid(live, np.minimum.reduceat(p, starts), np.nan),
        close=_on_grid(live, p[starts + n - 1], np.nan),
        bought=_on_grid(live, np.add.reduceat(buys, starts), 0.0),
        sold=_on_grid(live, np.add.reduceat(q - buys, starts), 0.0),
        size=_moments_on_grid(live, size),
        price=_moments_on_grid(live, price),
        pull=_on_grid(live, np.add.reduceat(q * from_open, starts), 0.0),
        realized_variance=_on_grid(live, _realized_variance(p, starts, live), 0.0),
    )


def _realized_variance(p: Floats, starts: Ints, live: Ints) -> Floats:
    """1e8 * sum of squared log returns between consecutive trades, bp^2.

    The first return of a minute runs from the last trade before its open if that is at most 60 s old at the
    open, which is to say if the previous minute traded.
    """
    change = np.zeros(len(p))
    change[1:] = p[1:] - p[:-1]
    after_silence = np.flatnonzero(np.diff(live, prepend=-2) > 1)
    change[starts[after_silence]] = 0.0
    moved = np.flatnonzero(change)  # most trades repeat the last price, and log1p is the dear part
    change[moved] = np.log1p(change[moved] / p[moved - 1]) ** 2
    return 1e8 * np.add.reduceat(change, starts)


def _on_grid(live: Ints, values: Floats, empty: float) -> Floats:
    out = np.full(MINUTES, empty)
    out[live] = values
    return out


def _moments_on_grid(live: Ints, x: Moments) -> Moments:
    return Moments(_on_grid(live, x.count, 0.0), _on_grid(live, x.mean, np.nan), _on_grid(live, x.m2, 0.0))
