"""Instants of trades and book snapshots of a day, and the price path through all of them.

Inside a minute the path is a Brownian bridge between its two boundaries, so at edge 0 the price at the events
is a martingale: instants and counts depend on variances only, never on a direction.
What does not live here: sides and sizes (`tape`), quotes (`book`).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipelines.market.synthetic.config import SyntheticConfig
from pipelines.market.synthetic.minutes import variances
from pipelines.market.synthetic.skeleton import START, skeleton
from pipelines.market.synthetic.streams import (
    MICROS_PER_DAY,
    MICROS_PER_MINUTE,
    MINUTES_PER_DAY,
    Array,
    Purpose,
    generator,
)
from pipelines.market.synthetic.under_reaction import minute_path, theta

Micros = NDArray[np.int64]
BURST_SHAPE = 3.0
"""Gamma shape of the noise on a minute's trade rate: counts have variance mean + mean**2/3, or more."""
SNAPSHOT_JITTER = 50_000  # microseconds
BOUNDARIES: Micros = np.arange(1, MINUTES_PER_DAY + 1) * MICROS_PER_MINUTE


@dataclass(frozen=True)
class Events:
    """Everything on one day's price path; instants are microseconds since midnight, prices are logs."""

    trade_at: Micros
    trade_log: Array
    step: Array
    """Log price change since the event (trade or snapshot) before the trade."""
    step_sd: Array
    """Its standard deviation; never 0."""
    book_at: Micros
    book_log: Array


def trade_counts(config: SyntheticConfig, symbol: str, day: int) -> NDArray[np.int64]:
    """Trades in each minute, shape (1440,): Poisson of a bursty rate that grows with volatility."""
    rng = generator(config.seed, symbol, Purpose.COUNTS, day)
    activity = np.sqrt(variances(config, symbol, day))
    daily = config.trades_per_day * skeleton(config, symbol).activity[day - START]
    bursts = rng.standard_gamma(BURST_SHAPE, MINUTES_PER_DAY) / BURST_SHAPE
    return np.asarray(rng.poisson(daily * activity / activity.sum() * bursts))


def trade_instants(counts: NDArray[np.int64], rng: np.random.Generator) -> Micros:
    """Ascending instants, `counts` of them in each minute; gaps are squared normals, so they cluster."""
    ends = np.cumsum(counts + 1)  # each minute has one gap more than trades
    clock = np.cumsum(rng.standard_normal(int(ends[-1])) ** 2)
    closes = clock[ends - 1]
    opens = np.concatenate(([0.0], closes[:-1]))
    clock = np.delete(clock, ends - 1)
    share = (clock - np.repeat(opens, counts)) / np.repeat(closes - opens, counts)
    within = np.minimum((share * MICROS_PER_MINUTE).astype(np.int64), MICROS_PER_MINUTE - 1)
    return np.asarray(within + np.repeat(BOUNDARIES - MICROS_PER_MINUTE, counts))


def snapshot_instants(per_day: int, rng: np.random.Generator) -> Micros:
    """Ascending instants on an even grid, each late by at most SNAPSHOT_JITTER and half a step."""
    grid = np.arange(per_day) * MICROS_PER_DAY // per_day
    jitter = min(SNAPSHOT_JITTER, MICROS_PER_DAY // per_day // 2)
    return np.asarray(grid + (rng.random(per_day) * jitter).astype(np.int64))


def _bridge(at: Micros, motion: Array, log_price: Array) -> Array:
    """Pin a Brownian motion, sampled at ascending `at` including every boundary, to the minute path."""
    pins = np.concatenate(([0.0], motion[np.searchsorted(at, BOUNDARIES, side="right") - 1]))
    offset = log_price - pins
    minute = np.minimum(at // MICROS_PER_MINUTE, MINUTES_PER_DAY - 1)
    share = at / MICROS_PER_MINUTE - minute
    return np.asarray(motion + offset[minute] + share * np.diff(offset)[minute])


@lru_cache(maxsize=2)
def events(config: SyntheticConfig, symbol: str, day: int) -> Events:
    """The events of a day (days since 1970)."""
    rng = generator(config.seed, symbol, Purpose.EVENTS, day)
    trade_at = trade_instants(trade_counts(config, symbol, day), rng)
    book_at = snapshot_instants(config.book_per_day, rng)
    at = np.concatenate((trade_at, book_at, BOUNDARIES))
    order = np.argsort(at, kind="stable")  # three ascending runs: a merge
    at = at[order]
    interval_minute = np.maximum(at - 1, 0) // MICROS_PER_MINUTE
    rate = variances(config, symbol, day) * ((1.0 - theta(config.edge)) ** 2 / MICROS_PER_MINUTE)
    variance = rate[interval_minute] * np.diff(at, prepend=0)
    path = minute_path(config, symbol, day).log_price
    log_price = _bridge(at, np.cumsum(np.sqrt(variance) * rng.standard_normal(at.size)), path)

    real = order < trade_at.size + book_at.size  # boundaries are no events
    is_trade = order[real] < trade_at.size
    log_event, clock = log_price[real], np.cumsum(variance)[real]
    step, lapse = np.diff(log_event, prepend=path[0]), np.diff(clock, prepend=0.0)
    return Events(
        trade_at=trade_at,
        trade_log=log_event[is_trade],
        step=step[is_trade],
        step_sd=np.sqrt(np.maximum(lapse[is_trade], 1e-18)),
        book_at=book_at,
        book_log=log_event[~is_trade],
    )
