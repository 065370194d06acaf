"""The same 53 features in vectorised pandas as strategies are usually written: each column from its own formula.

Nothing is shared between columns (pandas_features.py shares every intermediate result), nothing is a Python loop.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tests.benchmarks.peers.pandas_features import Runs

Formula = Callable[[pd.DataFrame, Runs], pd.Series]


def _hour(b: pd.DataFrame) -> pd.Series:
    return b["open_time"].dt.hour


def _range(b: pd.DataFrame) -> pd.Series:
    return b["high"] - b["low"]


def _atr(b: pd.DataFrame, r: Runs) -> pd.Series:
    before = r.before(b["close"])
    return r.roll(np.maximum(b["high"], before) - np.minimum(b["low"], before), 14, "mean")


def _volume_ma(b: pd.DataFrame, r: Runs) -> pd.Series:
    return r.roll(b["volume"], 20, "mean")


def _over(top: pd.Series, bottom: pd.Series, when_zero: float) -> pd.Series:
    return (top / bottom).mask(bottom == 0.0, when_zero)


def _trend(b: pd.DataFrame, r: Runs) -> pd.Series:
    return _over(r.slope_20(b["volume"], _volume_ma(b, r)), _volume_ma(b, r), 0.0)


def _rsi(b: pd.DataFrame, r: Runs) -> pd.Series:
    move = b["close"] - r.before(b["close"])
    up, down = r.roll(move.clip(lower=0.0), 14, "sum"), r.roll((-move).clip(lower=0.0), 14, "sum")
    return _over(100.0 * up, up + down, 50.0)


def _macd(b: pd.DataFrame, r: Runs) -> pd.Series:
    return r.ewm(b["close"], 12) - r.ewm(b["close"], 26)


def _band(b: pd.DataFrame, r: Runs, sign: float) -> pd.Series:
    return r.roll(b["close"], 20, "mean") + sign * 2.0 * r.roll(b["close"], 20, "std")


def _band_position(b: pd.DataFrame, r: Runs) -> pd.Series:
    flat = r.roll(b["close"], 20, "max") == r.roll(b["close"], 20, "min")
    lower = _band(b, r, -1)
    return ((b["close"] - lower) / (_band(b, r, 1) - lower)).mask(flat, 0.5)


def _jump(b: pd.DataFrame, r: Runs) -> pd.Series:
    returns = b["close"] / r.before(b["close"]) - 1.0
    threshold = 3.0 * r.before(r.roll(returns, 60, "std"))
    return (returns.abs() > threshold).astype(float).where(threshold.notna())


def _with_book(name: str, levels: str = "") -> Formula:
    return lambda b, _: b[name].where(b[f"book_seconds{levels}"] >= 30.0)


def _no_trade(b: pd.DataFrame, values: pd.Series) -> pd.Series:
    return values.mask(b["trades"] == 0, 0.0)


def _deviation(b: pd.DataFrame, squares: str) -> pd.Series:
    return np.sqrt(b[squares] / (b["trades"] - 1.0)).mask(b["trades"] < 2, 0.0)


def _bought(b: pd.DataFrame) -> pd.Series:
    return _over(b["bought"], b["bought"] + b["sold"], 0.5)


def _impact(b: pd.DataFrame) -> pd.Series:
    move = 1e4 * np.sign(b["bought"] - b["sold"]) * (b["mid_end"] - b["mid_start"]) / b["mid_start"]
    return _no_trade(b, move).where(b["book_seconds"] >= 30.0)


def _effective(b: pd.DataFrame) -> pd.Series:
    mean = b["effective_spread_sum"] / b["effective_spread_amount"]
    return _no_trade(b, mean).where(b["book_seconds"] >= 30.0)


def _stored(name: str) -> Formula:
    return lambda b, _: b[name]


def _average(rows: int) -> Formula:
    return lambda b, r: r.roll(b["close"], rows, "mean")


def _against(rows: int) -> Formula:
    return lambda b, r: b["close"] / r.roll(b["close"], rows, "mean")


FORMULAS: dict[str, Formula] = {
    **{name: _stored(name) for name in ("open", "high", "low", "close", "volume")},
    "session_tokyo": lambda b, _: (_hour(b) < 9).astype(float),
    "session_london": lambda b, _: ((_hour(b) >= 8) & (_hour(b) < 17)).astype(float),
    "session_new_york": lambda b, _: ((_hour(b) >= 13) & (_hour(b) < 22)).astype(float),
    "day_of_week": lambda b, _: b["open_time"].dt.day_of_week.astype(float),
    "is_weekend": lambda b, _: (b["open_time"].dt.day_of_week >= 5).astype(float),
    "spread": lambda b, _: _range(b),
    "spread_pct": lambda b, _: 100.0 * _range(b) / b["close"],
    "atr": _atr,
    "spread_atr_ratio": lambda b, r: _over(_range(b), _atr(b, r), 1.0),
    "volume_ma": _volume_ma,
    "volume_ratio": lambda b, r: _over(b["volume"], _volume_ma(b, r), 1.0),
    "volume_trend": _trend,
    **{f"sma_{rows}": _average(rows) for rows in (7, 14, 21, 50)},
    **{f"close_sma_{rows}_ratio": _against(rows) for rows in (7, 14, 21, 50)},
    "rsi_14": _rsi,
    "macd": _macd,
    "macd_signal": lambda b, r: r.ewm(_macd(b, r), 9),
    "macd_histogram": lambda b, r: _macd(b, r) - r.ewm(_macd(b, r), 9),
    "bb_upper": lambda b, r: _band(b, r, 1),
    "bb_lower": lambda b, r: _band(b, r, -1),
    "bb_width": lambda b, r: (_band(b, r, 1) - _band(b, r, -1)) / b["close"],
    "bb_position": _band_position,
    "bid_ask_spread": _with_book("bid_ask_spread"),
    "spread_volatility": _stored("spread_volatility"),
    "order_book_imbalance": _with_book("order_book_imbalance"),
    "book_pressure_5": _with_book("book_pressure_5", "_5"),
    "book_pressure_10": _with_book("book_pressure_10", "_10"),
    "weighted_mid_price": _with_book("weighted_mid_price", "_5"),
    "microprice": _with_book("microprice"),
    "effective_spread": lambda b, _: _effective(b),
    "trade_intensity": lambda b, _: b["trades"].astype(float),
    "buy_volume_ratio": lambda b, _: _bought(b),
    "sell_volume_ratio": lambda b, _: 1.0 - _bought(b),
    "trade_size_mean": lambda b, _: _no_trade(b, b["size_mean"]),
    "trade_size_std": lambda b, _: _deviation(b, "size_m2"),
    "large_trade_ratio": lambda b, _: _no_trade(b, b["large_trades"] / b["trades"]),
    "tick_volatility": lambda b, _: 1e4 * _deviation(b, "price_m2") / b["close"],
    "tick_volatility_5m": _stored("tick_volatility_5m"),
    "realized_volatility": _stored("realized_variance"),
    "jump_indicator": _jump,
    "vwap_distance": _stored("vwap_distance"),
    "arrival_price_impact": lambda b, _: _impact(b),
}


def pandas_one_by_one(bars: pd.DataFrame) -> pd.DataFrame:
    """The 53 features of v5 at 1 m; minute lookbacks are not hidden (that would cost pandas more)."""
    runs = Runs(bars["open_time"])
    with np.errstate(all="ignore"):
        return pd.DataFrame({name: formula(bars, runs) for name, formula in FORMULAS.items()}, copy=False)
