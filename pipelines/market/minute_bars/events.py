"""Raw frames -> sorted, cut and punctual numpy events on a grid of minutes. No statistic lives here.

The grid is the day and the 61 minutes before it, so whatever older history a caller passes changes nothing.
Times are int64 microseconds since the epoch, UTC; minute m is [edges[m], edges[m + 1]).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.errors import BadData
from pipelines.market.schemas import BOOK_LEVELS, ORDER_BOOK, TRADES
from pipelines.market.timeframes import GRACE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = slice | Ints | npt.NDArray[np.bool_]

MINUTE_US = 60_000_000
GRACE_US = int(GRACE.total_seconds() * 1_000_000)
HISTORY = 61  # minutes of the day before: 60 for the windows, one more for what stood at their open
DAY = 1440
MINUTES = HISTORY + DAY


@dataclass(frozen=True)
class Trades:
    """Punctual trades in (time, id) order; all arrays (N,)."""

    time: Ints
    side: npt.NDArray[np.int8]  # +1 the aggressor bought, -1 sold
    price: Floats  # quote
    amount: Floats  # base
    bounds: Ints  # (MINUTES + 1,): minute m holds rows bounds[m] .. bounds[m + 1]
    late: Ints  # (MINUTES,): events dropped for arriving after close + 3 s
    every_time: (
        Ints  # of all trades of the grid, late ones included, and the first behind it, in (time, id) order
    )
    every_id: Ints


@dataclass(frozen=True)
class Book:
    """Punctual book updates in time order (ties in order of arrival); columns (N,), NaN = no level."""

    time: Ints
    bid_price: list[Floats]  # quote, best first
    bid_amount: list[Floats]  # base
    ask_price: list[Floats]
    ask_amount: list[Floats]
    bounds: Ints
    late: Ints


def minute_edges(day: date) -> Ints:
    """The (MINUTES + 1,) edges of the grid of a UTC day."""
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
    return midnight + MINUTE_US * np.arange(-HISTORY, DAY + 1, dtype=np.int64)


def trade_events(frame: pl.DataFrame, edges: Ints, check_local_time: bool) -> Trades:
    """The trades of the grid; raises BadData on a wrong schema or a price or amount that is not above 0."""
    _check_columns(frame, TRADES, "trades")
    time = frame["time"].to_physical().to_numpy()
    local = _local_times(frame, check_local_time)
    ids = frame["id"].to_numpy()
    rows, every, late = _select(time, ids, local, edges)
    price, amount = frame["price"].to_numpy()[rows], frame["amount"].to_numpy()[rows]
    for name, column in (("price", price), ("amount", amount)):
        _check_positive(name, column)
    punctual = time[rows]
    bounds = np.searchsorted(punctual, edges)
    side = frame["side"].to_numpy()[rows]
    return Trades(punctual, side, price, amount, bounds, late, time[every], ids[every])


def book_events(frame: pl.DataFrame, edges: Ints, check_local_time: bool) -> Book:
    """The book updates of the grid; raises BadData on a wrong schema."""
    _check_columns(frame, ORDER_BOOK, "order book")
    time = frame["time"].to_physical().to_numpy()
    rows, _, late = _select(time, None, _local_times(frame, check_local_time), edges)
    time = time[rows]

    def columns(name: str) -> list[Floats]:
        return [frame[f"{name}_{level}"].to_numpy()[rows] for level in range(1, BOOK_LEVELS + 1)]

    return Book(
        time,
        columns("bid_price"),
        columns("bid_amount"),
        columns("ask_price"),
        columns("ask_amount"),
        np.searchsorted(time, edges),
        late,
    )


def _check_columns(frame: pl.DataFrame, schema: Mapping[str, object], what: str) -> None:
    found = frame.schema
    for name, dtype in schema.items():
        if found.get(name) != dtype:
            raise BadData(
                f"{what}: column {name!r} should be {dtype}, found {found.get(name)}; "
                "parse the file to pipelines.market.schemas first."
            )


def _check_positive(name: str, column: Floats) -> None:
    if len(column) and not column.min() > 0:  # `not >` also catches NaN
        raise BadData(
            f"trades: {name} should be above 0, found {column.min()}; quarantine such rows when parsing."
        )


def _local_times(frame: pl.DataFrame, check: bool) -> Ints | None:
    """Local times with null as 'long ago' (never late), or None when nothing can be late."""
    column = frame["local_time"]
    nulls = column.null_count()
    if not check or nulls == len(column):
        return None
    local = column.to_physical()
    return (local.fill_null(np.iinfo(np.int64).min // 2) if nulls else local).to_numpy()


def _select(time: Ints, ids: Ints | None, local: Ints | None, edges: Ints) -> tuple[Rows, Rows, Ints]:
    """Rows to keep, rows of the grid and the one behind it, both in order, and how many are late a minute.

    A clean input costs no copy.
    """
    order = _order(time, ids)
    time = time if order is None else time[order]
    start, end = np.searchsorted(time, edges[[0, -1]])
    rows: Rows = slice(start, end) if order is None else order[start:end]
    every: Rows = slice(start, end + 1) if order is None else order[start : end + 1]
    time = time[start:end]
    late = np.zeros(MINUTES, dtype=np.int64)
    if local is None or not len(time):
        return rows, every, late
    delay = local[rows] - time
    if delay.max() <= GRACE_US:  # an event less than 3 s under way cannot miss close + 3 s
        return rows, every, late
    minute = (time - edges[0]) // MINUTE_US
    dropped = local[rows] > edges[minute + 1] + GRACE_US
    kept = np.flatnonzero(~dropped)
    late += np.bincount(minute[dropped], minlength=MINUTES)
    return (kept + start if order is None else order[start:end][kept]), every, late


def _order(time: Ints, ids: Ints | None) -> Ints | None:
    """Sorting order by (time, id), or None when the rows are sorted already."""
    step = np.diff(time)
    if ids is None:
        return None if (step >= 0).all() else np.argsort(time, kind="stable")
    if (step > 0).all() or ((step >= 0).all() and (np.diff(ids)[step == 0] >= 0).all()):
        return None
    return np.lexsort((ids, time))
