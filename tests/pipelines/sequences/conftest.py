"""Small bar tables for the sequence tests."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from pipelines.market.timeframes import minutes_of

START = 1_767_225_600_000_000  # 2026-01-01 in microseconds


@pytest.fixture(scope="session")
def make_bars() -> Callable[..., pl.DataFrame]:
    """make_bars(n, timeframe="1m", seed=0, missing=()): a random walk; `missing` are bars that do not exist."""

    def make(
        n: int, timeframe: str = "1m", seed: int = 0, missing: tuple[int, ...] = (), step: float = 5e-4
    ) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        close = 100 * np.exp(np.cumsum(step * rng.normal(size=n)))
        opens = np.concatenate([[100.0], close[:-1]])
        wick = np.exp(step * np.abs(rng.normal(size=(2, n))))
        frame = pl.DataFrame(
            {
                "open_time": pl.Series(np.arange(n) * minutes_of(timeframe) * 60_000_000 + START).cast(
                    pl.Datetime("us", "UTC")
                ),
                "open": opens,
                "high": np.maximum(opens, close) * wick[0],
                "low": np.minimum(opens, close) / wick[1],
                "close": close,
                "volume": rng.uniform(1, 2, n),
            }
        )
        return frame.filter(~pl.int_range(pl.len()).is_in(list(missing)))

    return make
