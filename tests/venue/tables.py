"""Candles and trades as sorted tables whose slices are found by search and come as text; and made-up ones.

What belongs to which market is data.py.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from tests.venue.wire import text_of

PRICES = ("open", "high", "low", "close", "volume")
SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


class Bar(NamedTuple):
    """One candle as text."""

    time: int  # ms, start of the bar
    open: str | None
    high: str | None
    low: str | None
    close: str | None
    volume: str | None


class Print(NamedTuple):
    """One trade as text."""

    time: int  # ns
    id: int
    side: int  # the taker's: +1 bought, -1 sold
    price: str | None
    amount: str | None


def length_ms(timeframe: str) -> int:
    """Milliseconds of `1m`, `4h`, `1d`."""
    return int(timeframe[:-1]) * SECONDS[timeframe[-1]] * 1000


def milliseconds(moment: datetime) -> int:
    """Milliseconds of a moment (UTC when it names no zone)."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _stamps(column: pl.Series, unit: str) -> np.ndarray:
    if column.null_count():
        raise ValueError(
            f"column {column.name!r} has {column.null_count()} empty stamps; a venue stamps every row"
        )
    return (
        column.dt.epoch(unit).to_numpy()
        if unit != "ns"
        else column.dt.cast_time_unit("ns").dt.epoch("ns").to_numpy()
    )


class Candles:
    """Candles of one market and timeframe, sorted by open time; a slice is found by search."""

    def __init__(self, frame: pl.DataFrame, timeframe: str) -> None:
        self.timeframe = timeframe
        self.step = length_ms(timeframe)
        self.frame = frame.select("open_time", *PRICES).sort("open_time", maintain_order=True)
        self.times = _stamps(self.frame["open_time"], "ms")

    def index(self, ms: float) -> int:
        """Index of the first candle that opens at or after a moment."""
        return int(np.searchsorted(self.times, ms, side="left"))

    def rows(self, low: int, high: int) -> list[Bar]:
        """Candles [low, high) as text."""
        low, high = max(low, 0), min(high, len(self.times))
        if high <= low:
            return []
        part = self.frame.slice(low, high - low)
        texts = ([text_of(x) for x in part[name].to_list()] for name in PRICES)
        return [Bar(*row) for row in zip(self.times[low:high].tolist(), *texts, strict=True)]


class Trades:
    """Trades of one market, sorted by time and id."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame.select("time", "id", "side", "price", "amount").sort(
            "time", "id", maintain_order=True
        )
        self.times = _stamps(self.frame["time"], "ns")

    def index(self, ns: int) -> int:
        """Index of the first trade at or after a moment."""
        return int(np.searchsorted(self.times, ns, side="left"))

    def rows(self, low: int, high: int) -> list[Print]:
        """Trades [low, high) as text."""
        low, high = max(low, 0), min(high, len(self.times))
        if high <= low:
            return []
        part = self.frame.slice(low, high - low)
        texts = ([text_of(x) for x in part[name].to_list()] for name in ("price", "amount"))
        whole = (part[name].to_list() for name in ("id", "side"))
        return [Print(*row) for row in zip(self.times[low:high].tolist(), *whole, *texts, strict=True)]


def derived(candles: Candles) -> Trades:
    """Four trades per candle that traded: open, low, high, close, a quarter of its volume each; deterministic."""
    frame = candles.frame.with_columns(pl.col(name).cast(pl.Float64) for name in PRICES).filter(
        pl.col("volume") > 0
    )
    places = 8 if float(frame["volume"].max() or 0) < 1e6 else 3  # type: ignore[arg-type]
    units = (frame["volume"] * 10**places).round().cast(pl.Int64)
    quarter = units // 4
    parts = []
    for k, name in enumerate(("open", "low", "high", "close")):
        amount = quarter if k < 3 else units - 3 * quarter
        at = pl.duration(milliseconds=candles.step * (2 * k + 1) // 10)
        parts.append(
            frame.select(
                pl.col("open_time").dt.cast_time_unit("us").add(at).alias("time"),
                (pl.int_range(pl.len()) * 4 + k).alias("id"),
                pl.lit(1 if k % 2 else -1, pl.Int8).alias("side"),
                pl.col(name).alias("price"),
                (amount / 10**places).round(places).alias("amount"),  # polars multiplies by 1e-8
            )
        )
    return Trades(pl.concat(parts).filter(pl.col("amount") > 0))


def synthetic_candles(
    start: datetime, bars: int, timeframe: str = "1m", *, price: float = 100.0, seed: int = 1
) -> pl.DataFrame:
    """A random walk of candles on a grid of cents; the same seed gives the same candles."""
    random = np.random.default_rng(seed)
    close = np.round(price * np.exp(np.cumsum(random.normal(0, 0.0005, bars))), 2)
    opening = np.concatenate(([price], close[:-1]))
    reach = np.round(np.abs(random.normal(0, 0.0003 * price, (2, bars))), 2)
    step = timedelta(milliseconds=length_ms(timeframe))
    first = start if start.tzinfo else start.replace(tzinfo=UTC)
    return pl.DataFrame(
        {
            "open_time": pl.datetime_range(
                first, first + step * (bars - 1), step, time_unit="us", eager=True
            ),
            "open": opening.round(2),
            "high": (np.maximum(opening, close) + reach[0]).round(2),
            "low": (np.minimum(opening, close) - reach[1]).round(2),
            "close": close,
            "volume": np.round(random.exponential(3.0, bars) + 0.001, 4),
        }
    )
