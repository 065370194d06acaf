"""σ_t, the trailing volatility per bar that scales every label and every forecast. No labels live here."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.sequences.grid import micros, run_position, step_of

CHUNK = 8192
"""Windows whose spread is computed at once: 8,192 × 288 float64 are 19 MB."""


def volatility_bars(timeframe: str, horizon: int) -> int:
    """n, the number of returns behind σ_t: max(288, h), at most 60 at 12 h and 1 d."""
    n = max(288, horizon)
    return min(n, 60) if timeframe in ("12h", "1d") else n


def volatility(bars: pl.DataFrame, timeframe: str, horizon: int) -> NDArray[np.float64]:
    """σ_t (N,), log return per bar: std (ddof 1) of ln(C_u/C_{u−1}), u = t−n+1 … t (FEATURES.md "Labels").

    NaN before n + 1 bars of a gap-free run and where the returns are flat. Each value is computed from its
    own n returns and nothing else, so the live value from n + 1 bars equals the batch value bit for bit.
    """
    n = volatility_bars(timeframe, horizon)
    step = step_of(timeframe)
    times = micros(bars["open_time"])
    sigma = np.full(times.size, np.nan)
    if times.size <= n:
        return sigma
    returns = np.diff(np.log(bars["close"].to_numpy()))
    windows = np.lib.stride_tricks.sliding_window_view(returns, n)  # row i ends at bar i + n
    ends = np.flatnonzero(run_position(times, step) >= n)
    for first in range(0, ends.size, CHUNK):
        at = ends[first : first + CHUNK]
        block = np.ascontiguousarray(windows[at - n])
        spread = block.std(axis=1, ddof=1)
        flat = np.ptp(block, axis=1) == 0  # a computed std of flat returns leaves dust
        sigma[at] = np.where(flat, np.nan, spread)
    return sigma


def with_sigma(features: pl.DataFrame, bars: pl.DataFrame, timeframe: str, horizon: int) -> pl.DataFrame:
    """`features` with the column `sigma` joined by open_time: what a forecaster reads."""
    sigma = pl.Series("sigma", volatility(bars, timeframe, horizon), nan_to_null=True)
    return features.join(bars.select("open_time", sigma), on="open_time", how="left")
