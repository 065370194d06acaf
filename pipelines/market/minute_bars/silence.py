"""Minutes without a trade: whether nobody traded, or the trades were not heard (F14, F21).

Such a minute is empty only where something vouches for it: trade ids that go on by one across the silence, or else a
silence of at most LONGEST_QUIET that no missing id contradicts. One of which a source says that its ticks are not
known, or whose trades came too late, is not empty either way.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.market.minute_bars.events import HISTORY, MINUTE_US, MINUTES, Book, Ints, Trades
from pipelines.market.schemas import EVIDENCE
from pipelines.market.trade_ids import DAILY, LONGEST_QUIET, RUNNING

Bools = npt.NDArray[np.bool_]
Reasons = list[str]
LONGEST_US = LONGEST_QUIET // timedelta(microseconds=1)
WENT_ON = "the order book went on without a trade"
LATE = "trades there arrived too late to be known"


@dataclass(frozen=True)
class Hearing:
    """How well the trades of a day and of the hour before it were heard."""

    vouching: str
    """What the ids vouch for: RUNNING, DAILY or SPARSE of pipelines.market.trade_ids."""
    doubts: tuple[tuple[int, int, str], ...] = ()
    """Spans [start, end), microseconds, whose trades are not known, each with a sentence that says why."""


def silences(trades: Trades, book: Book, edges: Ints, hearing: Hearing) -> Reasons:
    """Of each minute (MINUTES,) why its lack of a trade does not mean that nobody traded; "" where it does.

    Minutes with a punctual trade have "". A silence reaches from the trade before it to the one after it; before the
    first and after the last trade it reaches to the first and the last event of the grid.
    """
    bounds = np.searchsorted(trades.every_time, edges)
    quiet = np.diff(trades.bounds) == 0
    reasons = [""] * MINUTES
    for minute, lost in _unvouched(trades, book, edges, bounds, hearing.vouching):
        if quiet[minute]:
            reasons[minute] = f"{WENT_ON}, and {lost}"
    for place in np.flatnonzero(quiet & (np.diff(bounds) > 0)):
        reasons[int(place)] = LATE
    for start, end, why in hearing.doubts:
        first = max(0, (start - int(edges[0])) // MINUTE_US)
        until = min(MINUTES, -((int(edges[0]) - end) // MINUTE_US))
        for minute in range(first, until):
            reasons[minute] = why if quiet[minute] else ""
    return reasons


def vouched(trades: Trades, edges: Ints, hearing: Hearing) -> Bools:
    """Minutes (MINUTES,) without a trade in which the ids prove that nobody traded, whether or not a book was heard.

    The id of the trade after the silence follows the one before it, and no doubt was told of the time between.
    """
    bounds = np.searchsorted(trades.every_time, edges)
    comparable, step = _across(trades, edges, bounds, hearing.vouching)
    proven: Bools = (np.diff(bounds) == 0) & comparable & (step == 1)
    for start, end, _ in hearing.doubts:
        proven &= ~((edges[:-1] < end) & (edges[1:] > start))
    return proven


def told_unknown(reasons: Reasons, edges: Ints) -> pl.DataFrame:
    """EVIDENCE of the day's minutes that have a reason, in runs; `seen_at` is null: it follows from stored ticks."""
    rows: list[tuple[int, int, str, str, None]] = []
    for minute in range(HISTORY, MINUTES):
        begin, end, why = int(edges[minute]), int(edges[minute + 1]), reasons[minute]
        if why and rows and rows[-1][1] == begin and rows[-1][3] == why:
            rows[-1] = (rows[-1][0], end, "unknown", why, None)
        elif why:
            rows.append((begin, end, "unknown", why, None))
    loose = {
        name: pl.Int64 if "time" in name or name in ("end", "seen_at") else pl.String for name in EVIDENCE
    }
    return pl.DataFrame(rows, schema=loose, orient="row").cast(pl.Schema(EVIDENCE))


def _unvouched(trades: Trades, book: Book, edges: Ints, bounds: Ints, vouching: str) -> list[tuple[int, str]]:
    """The minutes in silences that nothing vouches for, and what is wrong with each silence."""
    times = _padded(trades, book)
    left, right = times[bounds[:-1]], times[bounds[1:] + 1]
    comparable, step = _across(trades, edges, bounds, vouching)
    follows = comparable & (step == 1)
    silent = np.diff(bounds) == 0
    jumps, long = silent & comparable & ~follows, silent & ~follows & (right - left > LONGEST_US)
    found = []
    for minute in np.flatnonzero(jumps | long):
        if jumps[minute]:
            lost = int(step[minute]) - 1
            missing = f"{lost:,} trade ids are missing there" if lost > 0 else "the trade ids do not go on"
            found.append((int(minute), missing))
        else:
            length = LONGEST_QUIET // timedelta(minutes=1)
            found.append((int(minute), f"no trade id vouches for a silence of more than {length} minutes"))
    return found


def _across(trades: Trades, edges: Ints, bounds: Ints, vouching: str) -> tuple[Bools, Ints]:
    """Whether the ids of the trades beside each minute can be compared, and by how much they grow (MINUTES,)."""
    before, after = bounds[:-1], bounds[1:] + 1  # 0 and the last but one place are no trade
    count = len(trades.every_time)
    comparable: Bools = (before > 0) & (after <= count) & (vouching in (RUNNING, DAILY))
    if vouching == DAILY and count:
        midnight = edges[HISTORY]
        left = trades.every_time[np.clip(before - 1, 0, None)]
        right = trades.every_time[np.clip(after - 1, None, count - 1)]
        comparable &= ((left >= midnight) & (right < edges[-1])) | (right < midnight)
    return comparable, _steps(trades.every_id, before, after)


def _padded(trades: Trades, book: Book) -> Ints:
    """Times of all trades between the first and the last event of the grid, so that each minute has two neighbours."""
    ends = [every[place] for every in (trades.every_time, book.time) if len(every) for place in (0, -1)]
    first, last = (min(ends), max(ends)) if ends else (0, 0)
    return np.concatenate([[first], trades.every_time, [last]]).astype(np.int64)


def _steps(ids: Ints, before: Ints, after: Ints) -> Ints:
    """By how much the ids grow over each silence: 1 where none is missing, however the trades beside it are ordered."""
    if not len(ids):
        return np.zeros(len(before), dtype=np.int64)
    left, right = np.clip(before - 1, 0, None), np.clip(after - 1, None, len(ids) - 1)
    plain = ids[right] - ids[left]
    highest, lowest = np.maximum.accumulate(ids), np.minimum.accumulate(ids[::-1])[::-1]
    around = lowest[right] - highest[left]
    return np.where((plain == 1) | (around < 1), plain, around)
