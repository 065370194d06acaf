"""Longer bars from 1 m bars: FEATURES.md, "Longer bars aggregate minutes". No look at ticks or candles.

The bars become one (bars, minutes) matrix a column, NaN = null, so a sum that misses a minute is null
and never a partial sum.
"""

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.errors import BadData
from pipelines.market.schemas import BARS
from pipelines.market.timeframes import minutes_of

Floats = npt.NDArray[np.float64]
Minutes = Mapping[str, Floats]

SUMMED = (
    *("volume", "trades", "bought", "sold", "large_trades", "realized_variance", "late", "crossed"),
    *("book_seconds", "book_seconds_5", "book_seconds_10"),
    *("effective_spread_sum", "effective_spread_amount", "flow_imbalance_sum", "level1_size_sum"),
)
LAST = (
    *("tick_volatility_5m", "vwap_distance", "spread_volatility"),
    *("weighted_mid_price", "microprice", "mid_end"),
)
WEIGHTED_BY = {
    "bid_ask_spread": "book_seconds",
    "order_book_imbalance": "book_seconds",
    "book_pressure_5": "book_seconds_5",
    "book_pressure_10": "book_seconds_10",
}
ORIGINS = ("second-venue", "candle", "ticks", "verified-empty")
"""A longer bar has the first of these that any of its minutes has: it is as good as its weakest source."""


def longer(bars_1m: pl.DataFrame, timeframe: str) -> pl.DataFrame:
    """1 m BARS -> BARS of a timeframe, cut at multiples of it since the epoch (UTC midnight for 12h and 1d).

    A bar exists only if all its minutes do. Open, high, low and close are those of its trades; without any
    it is flat at the close carried into it. Means of the book are weighted by seconds known, null when less
    than half the bar is known; moments are merged (Chan, Golub & LeVeque 1983); sums that miss a minute
    are null. Raises UnknownName for an unknown timeframe and BadData when the input is not strictly sorted
    minutes.
    """
    minutes = minutes_of(timeframe)
    _check_minutes(bars_1m)
    if minutes == 1:
        return bars_1m.select(list(BARS))
    group = pl.col("open_time").dt.truncate(timedelta(minutes=minutes))
    whole = bars_1m.filter(pl.len().over(group) == minutes)
    x = {
        name: whole[name].cast(pl.Float64).to_numpy().reshape(-1, minutes)
        for name in BARS
        if name not in ("open_time", "origin")
    }
    origin = _origin(whole["origin"], minutes)
    out: dict[str, Floats | pl.Series] = {
        "open_time": whole["open_time"].gather_every(minutes),
        "origin": pl.Series("origin", ORIGINS, dtype=pl.String).gather(origin),
        **_prices(x, (whole["origin"] == "verified-empty").to_numpy().reshape(-1, minutes)),
        **{name: x[name].sum(axis=1) for name in SUMMED},
        **{name: x[name][:, -1] for name in LAST},
        "mid_start": x["mid_start"][:, 0],
        **{name: _weighted(x[name], x[by]) for name, by in WEIGHTED_BY.items()},
        **_merged(x, "size"),
        **_merged(x, "price"),
    }
    frame = pl.DataFrame({name: out[name] for name in BARS}, nan_to_null=True)
    return frame.cast(pl.Schema(BARS))


def _check_minutes(bars: pl.DataFrame) -> None:
    time = bars["open_time"].to_physical().to_numpy()
    if len(time) and ((np.diff(time) <= 0).any() or (time % 60_000_000).any()):
        raise BadData(
            "bars_1m: open_time should be whole minutes in strictly rising order, found duplicates, disorder "
            "or fractions of a minute; see bars.quality."
        )


def _origin(origin: pl.Series, minutes: int) -> npt.NDArray[np.int64]:
    """Rank in ORIGINS of each longer bar; raises BadData for an origin nobody declared."""
    unknown = set(origin.unique()) - set(ORIGINS)
    if unknown:
        raise BadData(f"bars_1m: origin should be one of {', '.join(ORIGINS)}, found {unknown}; correct it.")
    codes = origin.replace_strict(ORIGINS, range(len(ORIGINS)), return_dtype=pl.Int64)
    ranks: npt.NDArray[np.int64] = np.min(codes.to_numpy().reshape(-1, minutes), axis=1)
    return ranks


def _prices(x: Minutes, empty: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    """OHLC of the minutes with trades; all empty minutes are flat at one price, so any of them serves."""
    used = ~empty | empty.all(axis=1, keepdims=True)
    first = np.argmax(used, axis=1) if used.size else np.zeros(0, dtype=np.int64)
    return {
        "open": x["open"][np.arange(len(first)), first],
        "high": np.where(used, x["high"], -np.inf).max(axis=1),
        "low": np.where(used, x["low"], np.inf).min(axis=1),
        "close": x["close"][:, -1],  # an empty minute carries the last traded close
    }


def _weighted(x: Floats, seconds: Floats) -> Floats:
    """Mean weighted by seconds known; NaN when below half the bar, or when a minute's seconds are unknown."""
    null = np.isnan(x)  # a minute known for less than half of it has seconds but no mean
    weight = np.where(null, 0.0, seconds)
    weights = weight.sum(axis=1)
    total = (weight * np.where(null, 0.0, x)).sum(axis=1)
    enough = (seconds.sum(axis=1) >= 30.0 * seconds.shape[1]) & (weights > 0)
    return np.where(enough, total / np.where(enough, weights, 1.0), np.nan)


def _merged(x: Minutes, what: str) -> dict[str, Floats]:
    """Mean and M2 of all trades of the bar; no mean without one, neither where a minute is unknown."""
    count, mean, m2 = x["trades"], x[f"{what}_mean"], x[f"{what}_m2"]
    total = count.sum(axis=1)
    some = total > 0  # False for NaN
    origin = np.fmax.reduce(mean, axis=1)  # one of the means: equal values merge to M2 = 0 exactly
    shift = np.where(count == 0, 0.0, mean - origin[:, None])
    mean_shift = (count * shift).sum(axis=1) / np.where(some, total, 1.0)
    between = (count * (shift - mean_shift[:, None]) ** 2).sum(axis=1)
    return {
        f"{what}_mean": np.where(some, origin + mean_shift, np.nan),
        f"{what}_m2": m2.sum(axis=1) + np.where(total == 0, 0.0, between),
    }
