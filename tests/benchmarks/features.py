"""53 features over a million minute bars, against the same 53 in vectorised pandas.

Run as a module to print `measure()`. The pandas version is what a careful person writes: one rolling object
per window, no apply, intermediates shared. Both start from their own frame in memory and give a frame of 53
float64 columns; each is the best of `repeats` runs. Without a gap pandas needs no groups and is at its
fastest; with gaps it must restart its windows as ours do.
"""

import importlib.util
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from pipelines.features import compute, feature_set

ROWS = 1_000_000
BUDGET_SECONDS = 0.5  # 0.5 µs a row
BUDGET_RATIO = 10.0
MAKERS = Path(__file__).parents[1] / "pipelines" / "features" / "makers.py"


class Runs:
    """pandas windows that restart after a gap; plain windows when there is none.

    Restarting goes through groupby, pandas' own way to run a window inside groups.
    """

    def __init__(self, opened: pd.Series) -> None:
        run = (opened.diff() > pd.Timedelta(minutes=1)).cumsum()
        self.run = run if run.iloc[-1] > 0 else None

    def roll(self, column: pd.Series, rows: int, how: str) -> pd.Series:
        """One windowed statistic."""
        if self.run is None:
            return getattr(column.rolling(rows), how)()
        return pd.Series(getattr(column.groupby(self.run).rolling(rows), how)().to_numpy())

    def before(self, column: pd.Series) -> pd.Series:
        """The row before, inside the run."""
        return column.shift(1) if self.run is None else column.groupby(self.run).shift(1)

    def ewm(self, column: pd.Series, span: int) -> pd.Series:
        """Unadjusted exponential average."""
        if self.run is None:
            return column.ewm(span=span, adjust=False).mean()
        return pd.Series(column.groupby(self.run).ewm(span=span, adjust=False).mean().to_numpy())

    def slope_20(self, volume: pd.Series, volume_ma: pd.Series) -> pd.Series:
        """Least-squares slope over 20 rows: Σ (row − centre)·V ÷ 665, from two running sums."""
        row = pd.Series(np.arange(len(volume), dtype=np.float64))
        return (self.roll(row * volume, 20, "sum") - (row - 9.5) * 20.0 * volume_ma) / 665.0


def _candles(b: pd.DataFrame, runs: Runs) -> dict[str, object]:
    high, low, close, volume = b["high"], b["low"], b["close"], b["volume"]
    before = runs.before(close)
    move = close - before
    opened = b["open_time"].dt
    hour, day = opened.hour, opened.day_of_week
    spread = high - low
    true_range = np.maximum(high, before) - np.minimum(low, before)
    atr, volume_ma = runs.roll(true_range, 14, "mean"), runs.roll(volume, 20, "mean")
    sma = {n: runs.roll(close, n, "mean") for n in (7, 14, 21, 50)}
    up = runs.roll(move.clip(lower=0.0), 14, "sum")
    down = runs.roll((-move).clip(lower=0.0), 14, "sum")
    macd = runs.ewm(close, 12) - runs.ewm(close, 26)
    signal = runs.ewm(macd, 9)
    middle, reach = runs.roll(close, 20, "mean"), 2.0 * runs.roll(close, 20, "std")
    upper, lower = middle + reach, middle - reach
    flat = runs.roll(close, 20, "max") == runs.roll(close, 20, "min")
    return {
        **{name: b[name] for name in ("open", "high", "low", "close", "volume")},
        "session_tokyo": (hour < 9).astype(float),
        "session_london": ((hour >= 8) & (hour < 17)).astype(float),
        "session_new_york": ((hour >= 13) & (hour < 22)).astype(float),
        "day_of_week": day.astype(float),
        "is_weekend": (day >= 5).astype(float),
        "spread": spread,
        "spread_pct": 100.0 * spread / close,
        "atr": atr,
        "spread_atr_ratio": (spread / atr).mask(atr == 0.0, 1.0),
        "volume_ma": volume_ma,
        "volume_ratio": (volume / volume_ma).mask(volume_ma == 0.0, 1.0),
        "volume_trend": (runs.slope_20(volume, volume_ma) / volume_ma).mask(volume_ma == 0.0, 0.0),
        **{f"sma_{n}": mean for n, mean in sma.items()},
        **{f"close_sma_{n}_ratio": close / mean for n, mean in sma.items()},
        "rsi_14": (100.0 * up / (up + down)).mask(up + down == 0.0, 50.0),
        "macd": macd,
        "macd_signal": signal,
        "macd_histogram": macd - signal,
        "bb_upper": upper,
        "bb_lower": lower,
        "bb_width": (upper - lower) / close,
        "bb_position": ((close - lower) / (upper - lower)).mask(flat, 0.5),
    }


def _ticks(b: pd.DataFrame, runs: Runs) -> dict[str, object]:
    trades, close, volume = b["trades"].astype(float), b["close"], b["bought"] + b["sold"]
    none = trades == 0.0
    book = {levels: b[f"book_seconds{levels}"] >= 30.0 for levels in ("", "_5", "_10")}
    returns = close / runs.before(close) - 1.0
    threshold = 3.0 * runs.before(runs.roll(returns, 60, "std"))
    bought = (b["bought"] / volume).mask(volume == 0.0, 0.5)
    effective = b["effective_spread_sum"] / b["effective_spread_amount"]
    impact = 1e4 * np.sign(b["bought"] - b["sold"]) * (b["mid_end"] - b["mid_start"]) / b["mid_start"]
    return {
        "bid_ask_spread": b["bid_ask_spread"].where(book[""]),
        "spread_volatility": b["spread_volatility"],
        "order_book_imbalance": b["order_book_imbalance"].where(book[""]),
        "book_pressure_5": b["book_pressure_5"].where(book["_5"]),
        "book_pressure_10": b["book_pressure_10"].where(book["_10"]),
        "weighted_mid_price": b["weighted_mid_price"].where(book["_5"]),
        "microprice": b["microprice"].where(book[""]),
        "effective_spread": effective.mask(none, 0.0).where(book[""]),
        "trade_intensity": trades,
        "buy_volume_ratio": bought,
        "sell_volume_ratio": 1.0 - bought,
        "trade_size_mean": b["size_mean"].mask(none, 0.0),
        "trade_size_std": np.sqrt(b["size_m2"] / (trades - 1.0)).mask(trades < 2.0, 0.0),
        "large_trade_ratio": (b["large_trades"] / trades).mask(none, 0.0),
        "tick_volatility": (1e4 * np.sqrt(b["price_m2"] / (trades - 1.0)) / close).mask(trades < 2.0, 0.0),
        "tick_volatility_5m": b["tick_volatility_5m"],
        "realized_volatility": b["realized_variance"],
        "jump_indicator": (returns.abs() > threshold).astype(float).where(threshold.notna()),
        "vwap_distance": b["vwap_distance"],
        "arrival_price_impact": impact.mask(none, 0.0).where(book[""]),
    }


def pandas_features(bars: pd.DataFrame) -> pd.DataFrame:
    """The 53 features of v5 at 1 m; minute lookbacks are not hidden (that would cost pandas more)."""
    runs = Runs(bars["open_time"])
    with np.errstate(all="ignore"):
        return pd.DataFrame({**_candles(bars, runs), **_ticks(bars, runs)}, copy=False)


def make_bars(rows: int, gaps: int = 0) -> pl.DataFrame:
    """Random BARS rows of the feature tests, 1 m, with evenly spaced gaps."""
    found = importlib.util.spec_from_file_location("feature_makers", MAKERS)
    assert found is not None
    assert found.loader is not None
    makers = importlib.util.module_from_spec(found)
    found.loader.exec_module(makers)
    frame: pl.DataFrame = makers.bars(
        rows, gaps=tuple(range(0, rows, rows // (gaps + 1)))[1:] if gaps else ()
    )
    return frame


def as_pandas(bars: pl.DataFrame) -> pd.DataFrame:
    """The bars as numpy-backed pandas columns."""
    return pd.DataFrame({name: bars.get_column(name).to_numpy() for name in bars.columns if name != "origin"})


def _best(work: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def _row(rows: int, gaps: int, repeats: int) -> dict[str, object]:
    bars = make_bars(rows, gaps)
    table, names = as_pandas(bars), feature_set("v5").names
    ours = _best(lambda: compute(bars, "1m", names), repeats)
    peer = _best(lambda: pandas_features(table), repeats)
    budget = BUDGET_SECONDS * rows / ROWS
    return {
        "work": f"53 features over {rows:,} minute bars, {gaps:,} gaps",
        "ours_s": ours,
        "peer": f"pandas {pd.__version__}, vectorised{', groupby' if gaps else ''}",
        "peer_s": peer,
        "ratio": peer / ours,
        "budget": f"<= {budget:g} s and >= {BUDGET_RATIO:g} x",
        "within": ours <= budget and peer / ours >= BUDGET_RATIO,
    }


def measure(rows: int = ROWS, repeats: int = 5) -> list[dict[str, object]]:
    """Two rows, one run of bars and a thousand gaps: our seconds, pandas's, and whether both budgets hold."""
    return [_row(rows, gaps, repeats) for gaps in (0, 1_000)]


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
