"""One UTC day of minute bars: the pieces put together, with nulls where the history is not there.

Minute = [open, close) of exchange time, named by its open. Definitions: FEATURES.md, "When a bar is usable",
"Book state" and features 34-53.
"""

from datetime import date

import numpy as np
import polars as pl

from pipelines.market.minute_bars import windows
from pipelines.market.minute_bars.book_minutes import BookMinutes, Bools, book_minutes
from pipelines.market.minute_bars.effective_spread import effective_spread
from pipelines.market.minute_bars.events import (
    HISTORY,
    MINUTES,
    Book,
    Floats,
    Ints,
    Trades,
    book_events,
    minute_edges,
    trade_events,
)
from pipelines.market.minute_bars.silence import Hearing, silences, told_unknown, vouched
from pipelines.market.minute_bars.trade_minutes import TradeMinutes, trade_minutes
from pipelines.market.schemas import EVIDENCE, MINUTE_BARS

LOOKBACK_MINUTES: dict[str, int] = {
    "book_seconds": 2,
    "book_seconds_5": 2,
    "book_seconds_10": 2,
    "bid_ask_spread": 2,
    "order_book_imbalance": 2,
    "book_pressure_5": 2,
    "book_pressure_10": 2,
    "weighted_mid_price": 2,
    "microprice": 2,
    "effective_spread_sum": 2,
    "effective_spread_amount": 2,
    "flow_imbalance_sum": 2,
    "level1_size_sum": 2,
    "mid_start": 2,
    "realized_variance": 2,
    "tick_volatility_5m": 5,
    "spread_volatility": 11,
    "vwap_distance": 60,
    "large_trades": 61,
}
"""Minutes, this one included, for which the feed must have been alive without a break; else the value is
null.

Known seconds need 2 as well: what stood at the open of a first minute is unknown, which is not the same as 0.
"""


def minute_bars(
    trades: pl.DataFrame, book: pl.DataFrame, day: date, *, check_local_time: bool = True
) -> pl.DataFrame:
    """Trades and book updates -> the MINUTE_BARS rows of one UTC day, sorted by open_time.

    trades (TRADES) and book (ORDER_BOOK) hold the day and at least the last 61 minutes of the day before;
    what is older is ignored, either may be empty, neither need be sorted. A row exists for each minute in
    which the feed was alive: at least one trade or book update whose exchange time is inside and which was
    known by close + 3 s (live would not have seen the others). Later ones are dropped and counted in `late`;
    a null local time is never late, and `check_local_time=False` ignores the recorder's clock altogether.
    Prices are quote, amounts base, spreads bp, times microseconds UTC. The mids, last states and effective
    spread are stored where a state stands; whoever reads them applies "null below half the bar" to
    `book_seconds`, which for a longer bar is the sum. Raises BadData when a schema is wrong or a trade's
    price or amount is not above 0.
    """
    return heard_minutes(trades, book, day, None, check_local_time=check_local_time)[0]


def heard_minutes(
    trades: pl.DataFrame,
    book: pl.DataFrame,
    day: date,
    hearing: Hearing | None,
    *,
    check_local_time: bool = True,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """MINUTE_BARS of one UTC day as minute_bars makes them, but for silences, and EVIDENCE of those.

    A minute without a trade is a row only where something vouches that nobody traded (silence.py); elsewhere the feed
    was not alive, whatever the book says: it is no row, and what looks back over it is null. Trade ids that go on
    across a minute vouch for it without any book. None: silence is believed where the book went on.
    """
    edges = minute_edges(day)
    ticks = trade_events(trades, edges, check_local_time)
    updates = book_events(book, edges, check_local_time)
    by_trades = trade_minutes(ticks)
    states, by_book = book_minutes(updates, edges)
    spread_sum, spread_amount = effective_spread(ticks, states)
    columns = {
        **_trade_columns(by_trades),
        **_book_columns(by_book),
        **_window_columns(ticks, by_trades, by_book),
        "effective_spread_sum": spread_sum[HISTORY:],
        "effective_spread_amount": spread_amount[HISTORY:],
        "late": (ticks.late + updates.late)[HISTORY:],
        "open_time": edges[HISTORY:-1],
    }
    alive, unknown = _alive(ticks, updates, edges, hearing)
    return _frame(columns, _alive_for(alive)[HISTORY:]), unknown


def _trade_columns(x: TradeMinutes) -> dict[str, Floats | Ints]:
    grid: dict[str, Floats | Ints] = {
        "open": x.open,
        "high": x.high,
        "low": x.low,
        "close": x.close,
        "volume": x.bought + x.sold,
        "trades": x.count,
        "bought": x.bought,
        "sold": x.sold,
        "size_mean": x.size.mean,
        "size_m2": x.size.m2,
        "price_mean": x.price.mean,
        "price_m2": x.price.m2,
        "realized_variance": x.realized_variance,
    }
    return {name: values[HISTORY:] for name, values in grid.items()}


def _book_columns(x: BookMinutes) -> dict[str, Floats | Ints]:
    grid: dict[str, Floats | Ints] = {
        "book_seconds": x.seconds[1],
        "book_seconds_5": x.seconds[5],
        "book_seconds_10": x.seconds[10],
        "bid_ask_spread": x.bid_ask_spread,
        "order_book_imbalance": x.order_book_imbalance,
        "book_pressure_5": x.book_pressure_5,
        "book_pressure_10": x.book_pressure_10,
        "weighted_mid_price": x.weighted_mid_price,
        "microprice": x.microprice,
        "mid_end": x.mid_end,
        "mid_start": np.append(np.nan, x.mid_end[:-1]),  # what stands at a close stands at the next open
        "crossed": x.crossed,
        "flow_imbalance_sum": x.flow_imbalance,
        "level1_size_sum": x.level1_size,
    }
    return {name: values[HISTORY:] for name, values in grid.items()}


def _window_columns(ticks: Trades, by_trades: TradeMinutes, by_book: BookMinutes) -> dict[str, Floats | Ints]:
    return {
        "large_trades": windows.large_trades(ticks, by_trades),
        "tick_volatility_5m": windows.tick_volatility_5m(by_trades),
        "vwap_distance": windows.vwap_distance(by_trades),
        "spread_volatility": windows.spread_volatility(by_book.bid_ask_spread),
    }


def _alive(ticks: Trades, updates: Book, edges: Ints, hearing: Hearing | None) -> tuple[Bools, pl.DataFrame]:
    """In which minutes the feed was alive (MINUTES,), and EVIDENCE of the day's in which only the book was."""
    alive = (np.diff(ticks.bounds) + np.diff(updates.bounds)) > 0
    if hearing is None:
        return alive, pl.DataFrame(schema=EVIDENCE)
    reasons = [
        why if lives else ""
        for why, lives in zip(silences(ticks, updates, edges, hearing), alive, strict=True)
    ]
    heard = alive & ~np.array([why != "" for why in reasons])
    return heard | vouched(ticks, edges, hearing), told_unknown(reasons, edges)


def _alive_for(alive: Bools) -> Ints:
    """For how many minutes up to and including each the feed has been alive without a break (MINUTES,)."""
    minute = np.arange(MINUTES)
    return minute - np.maximum.accumulate(np.where(alive, -1, minute))


def _frame(columns: dict[str, Floats | Ints], alive_for: Ints) -> pl.DataFrame:
    """The live minutes as a MINUTE_BARS frame: NaN and what lacks its history become null."""
    for name, minutes in LOOKBACK_MINUTES.items():
        columns[name] = np.where(alive_for >= minutes, columns[name], np.nan)
    live = alive_for > 0
    return pl.DataFrame(
        [
            pl.Series(name, columns[name][live], nan_to_null=True).cast(dtype)
            for name, dtype in MINUTE_BARS.items()
        ]
    )
