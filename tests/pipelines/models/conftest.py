"""Small markets for the model tests: a random walk, or one whose volume tells the drift to come."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from pipelines.features import compute, feature_set
from pipelines.market.schemas import BARS
from pipelines.market.timeframes import minutes_of

START = 1_767_225_600_000_000
Tables = tuple[pl.DataFrame, pl.DataFrame]


def _bars(n: int, timeframe: str, seed: int, edge: float) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    shocks = rng.normal(size=n)
    drift = np.zeros(n)
    for t in range(1, n):
        drift[t] = 0.95 * drift[t - 1] + np.sqrt(1 - 0.95**2) * shocks[t]
    moves = 1e-3 * rng.normal(size=n)
    moves[1:] += edge * 1e-3 * drift[:-1]
    close = 100 * np.exp(np.cumsum(moves))
    opens = np.concatenate([[100.0], close[:-1]])
    wick = np.exp(3e-4 * np.abs(rng.normal(size=(2, n))))
    known = pl.DataFrame(
        {
            "open_time": pl.Series(np.arange(n) * minutes_of(timeframe) * 60_000_000 + START).cast(
                pl.Datetime("us", "UTC")
            ),
            "open": opens,
            "high": np.maximum(opens, close) * wick[0],
            "low": np.minimum(opens, close) / wick[1],
            "close": close,
            "volume": np.exp(drift),
            "origin": ["candle"] * n,
        }
    )
    empty = {name: kind for name, kind in BARS.items() if name not in known.columns}
    return known.with_columns(pl.lit(None, dtype=kind).alias(name) for name, kind in empty.items())


@pytest.fixture(scope="session")
def market() -> Callable[..., Tables]:
    """market(n, timeframe, seed, edge): features v4 and bars of a symbol; edge 0 is a market without one."""

    def make(n: int, timeframe: str = "1h", seed: int = 0, edge: float = 0.0) -> Tables:
        bars = _bars(n, timeframe, seed, edge)
        return compute(bars, timeframe, feature_set("v4").names), bars

    return make
