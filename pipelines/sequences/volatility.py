"""σ_t, the trailing volatility per bar that scales every label and every forecast. No labels live here."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.sequences.runs import bars_before

CHUNK = 8192
"""Windows whose spread is computed at once: 8,192 × 288 float64 are 19 MB."""


def volatility_bars(timeframe: str, horizon: int) -> int:
    """n, the number of returns behind σ_t: max(288, h), at most 60 at 12 h and 1 d."""
    n = max(288, horizon)
    return min(n, 60) if timeframe in ("12h", "1d") else n


def volatility(bars: pl.DataFrame, timeframe: str, horizon: int) -> NDArray[np.float64]:
    """σ_t (N,), log return per bar: std (ddof 1) of ln(C_u/C_{u−1}), u = t−n+1 … t (FEATURES.md "Labels").

    NaN before n + 1 bars of a run without an unknown gap (runs.py: of a market that closes `bars` say which) and
    where the returns are flat. Each value is computed from its
    own n returns and nothing else, so the live value from n + 1 bars equals the batch value bit for bit. Returns
    from or to a price of another market (a hole filled from a second venue) are left out; NaN where less than half
    remain.
    """
    n = volatility_bars(timeframe, horizon)
    before = bars_before(bars, timeframe)
    sigma = np.full(before.size, np.nan)
    if before.size <= n:
        return sigma
    returns, here = np.diff(np.log(bars["close"].to_numpy())), of_this_market(bars)
    returns[~(here[1:] & here[:-1])] = np.nan
    windows = np.lib.stride_tricks.sliding_window_view(returns, n)  # row i ends at bar i + n
    ends = np.flatnonzero(before >= n)
    for first in range(0, ends.size, CHUNK):
        at = ends[first : first + CHUNK]
        block = np.ascontiguousarray(windows[at - n])
        sigma[at] = _spread(block)
    return sigma


def of_this_market(bars: pl.DataFrame) -> NDArray[np.bool_]:
    """Whether a bar's prices are its own market's (N,): nobody could have traded here at those of another."""
    if "origin" not in bars.columns:
        return np.ones(bars.height, dtype=np.bool_)
    here: NDArray[np.bool_] = (bars["origin"].fill_null("candle") != "second-venue").to_numpy()
    return here


def _spread(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation (ddof 1) of each row (B, n), NaN where it is flat or less than half of it is known."""
    unknown = np.isnan(returns).any(axis=1)
    # of whole rows by this very sum: what is left out elsewhere changes nothing
    spread: NDArray[np.float64] = returns.std(axis=1, ddof=1)
    spread[np.ptp(returns, axis=1) == 0] = np.nan  # a computed std of flat returns leaves dust
    for row in np.flatnonzero(unknown):
        known = returns[row][~np.isnan(returns[row])]
        enough = known.size >= max(2, returns.shape[1] / 2) and np.ptp(known) > 0
        spread[row] = known.std(ddof=1) if enough else np.nan
    return spread


def with_sigma(features: pl.DataFrame, bars: pl.DataFrame, timeframe: str, horizon: int) -> pl.DataFrame:
    """`features` with the column `sigma` joined by open_time: what a forecaster reads."""
    sigma = pl.Series("sigma", volatility(bars, timeframe, horizon), nan_to_null=True)
    return features.join(bars.select("open_time", sigma), on="open_time", how="left")
