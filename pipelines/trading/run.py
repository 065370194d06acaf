"""A run: the fold of `session.step` over a frame of bars and a frame of forecasts.

Backtest and replay are this.

What does not live here: the step itself, judgement (`evaluation`), the journal (`resources/journal.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

import polars as pl

from pipelines.errors import BadData
from pipelines.trading.decision import Forecast
from pipelines.trading.events import Bar, Event
from pipelines.trading.frames import decisions_frame, equity_frame, fills_frame
from pipelines.trading.money import prices_to_minor
from pipelines.trading.session import SessionConfig, opening_state, step
from pipelines.trading.state import State
from pipelines.trading.summary import Summary, summarise

FORECAST_COLUMNS = ("p_down", "p_neutral", "p_up", "sigma", "expected")


@dataclass(frozen=True)
class Result:
    """What a run leaves. Frames as in `frames`; times UTC us, amounts in quote and base units."""

    equity: pl.DataFrame
    fills: pl.DataFrame
    decisions: pl.DataFrame
    summary: Summary
    state: State


def run(bars: pl.DataFrame, forecasts: pl.DataFrame, config: SessionConfig) -> Result:
    """Trade `bars` on `forecasts`.

    `bars`: open_time, open, close (more columns are ignored), `symbol` when the session has several.
    `forecasts`: open_time, p_down, p_neutral, p_up, sigma, expected, likewise `symbol`, optionally `bundle`;
    a bar without a row, or with a null `expected`, has no forecast. Rows may come in any order.
    Raises BadData for missing columns, repeated keys, prices that are none, or no bars at all.
    """
    state = opening_state(config)
    events: list[Event] = []
    for after, new in replay(state, bars, forecasts, config):
        state = after
        events.extend(new)
    equity = equity_frame(events)
    fills = fills_frame(events)
    return Result(equity, fills, decisions_frame(events), summarise(bars, equity, fills, config), state)


def replay(
    state: State, bars: pl.DataFrame, forecasts: pl.DataFrame, config: SessionConfig
) -> Iterator[tuple[State, tuple[Event, ...]]]:
    """State and events after each bar, in (open_time, symbol) order, starting from `state`."""
    for bar, forecast in feed(bars, forecasts, config):
        state, events = step(state, bar, forecast, config)
        yield state, events


def feed(
    bars: pl.DataFrame, forecasts: pl.DataFrame, config: SessionConfig
) -> Iterator[tuple[Bar, Forecast | None]]:
    """Bars with their forecasts in (open_time, symbol) order; arguments and errors as in `run`."""
    left = _keyed(bars, ("open", "close"), config, "bars")
    if left.is_empty():
        raise BadData("bars: expected at least one row, found none; choose a span that has bars.")
    right = _keyed(forecasts, FORECAST_COLUMNS, config, "forecasts")
    if "bundle" not in right.columns:
        right = right.with_columns(bundle=pl.lit(""))
    table = left.join(
        right.rename({"open_time": "_time"}).with_columns(open_time="_time"),
        on=["symbol", "open_time"],
        how="left",
        maintain_order="left",
    )
    times = table["open_time"].to_list()
    symbols = table["symbol"].to_list()
    opens, closes = (prices_to_minor(table[column].to_numpy()) for column in ("open", "close"))
    spoken = map(
        Forecast, symbols, times, *(table[c].to_list() for c in FORECAST_COLUMNS), table["bundle"].to_list()
    )
    made = map(Bar, symbols, times, opens, closes, repeat(False))
    for bar, forecast in zip(made, spoken, strict=False):
        yield bar, (forecast if forecast.expected is not None else None)


def _keyed(frame: pl.DataFrame, columns: tuple[str, ...], config: SessionConfig, what: str) -> pl.DataFrame:
    """Sorted rows of (symbol, open_time as int64 us, columns), each key once."""
    if "symbol" not in frame.columns and len(config.symbols) == 1:
        frame = frame.with_columns(symbol=pl.lit(config.symbols[0]))
    missing = [c for c in ("symbol", "open_time", *columns) if c not in frame.columns]
    if missing:
        raise BadData(f"{what}: expected columns {missing}, found {frame.columns}; add them.")
    extra = [c for c in ("bundle",) if c in frame.columns]
    table = frame.select(
        "symbol",
        pl.col("open_time").dt.epoch("us"),
        *(pl.col(c).cast(pl.Float64) for c in columns),
        *extra,
    ).sort("open_time", "symbol")
    if table.select(pl.struct("symbol", "open_time").is_duplicated().any()).item():
        raise BadData(f"{what}: expected one row per symbol and open time, found repeated ones; deduplicate.")
    return table
