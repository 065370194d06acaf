"""Random bars for the feature tests: gaps, flat stretches, zero volume, verified-empty bars, candle bars.

The aggregates are plausible, not computed from trades: the market tests own that arithmetic.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from pipelines.features.breadth import BREADTH
from pipelines.market.schemas import BARS, FUNDING
from pipelines.market.timeframes import length_of
from pipelines.market.wallets import FLOW

START = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday
HOUR, HOURS_BEFORE = timedelta(hours=1), 60
PRICES = (
    "open",
    "high",
    "low",
    "close",
    "price_mean",
    "weighted_mid_price",
    "microprice",
    "mid_start",
    "mid_end",
)
VOLUMES = (
    *("volume", "bought", "sold", "size_mean", "effective_spread_sum", "effective_spread_amount"),
    *("flow_imbalance_sum", "level1_size_sum"),
)


def prices(rng: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    """Random-walk OHLCV with two flat stretches and two stretches without volume."""
    moves = rng.normal(0.0, 1e-3, rows) * (rng.random(rows) < 0.9)
    moves[rows // 3 : rows // 3 + 70] = 0.0
    close = 100.0 * np.exp(np.cumsum(moves))
    open_ = np.concatenate([close[:1], close[:-1]])
    reach = np.abs(rng.normal(0.0, 5e-4, (2, rows))) * (rng.random(rows) < 0.9)
    reach[:, rows // 3 : rows // 3 + 70] = 0.0
    volume = rng.lognormal(0.0, 2.0, rows)
    volume[rows // 3 + 20 : rows // 3 + 90] = 0.0
    volume[rows // 2] = 1e6
    return {
        "open": open_,
        "high": np.maximum(open_, close) * (1.0 + reach[0]),
        "low": np.minimum(open_, close) * (1.0 - reach[1]),
        "close": close,
        "volume": volume,
    }


def aggregates(
    rng: np.random.Generator, close: np.ndarray, volume: np.ndarray, minutes: int
) -> dict[str, np.ndarray]:
    """Every column of MINUTE_AGGREGATES; no trade where there is no volume."""
    rows = len(close)
    trades = np.where(volume > 0, rng.integers(1, 40, rows) * minutes, 0)
    some = trades > 0
    bought = volume * rng.choice([0.0, 0.3, 0.6, 1.0], rows)
    mid = close * (1.0 + rng.normal(0, 1e-4, (2, rows)))
    unit = lambda: rng.uniform(-1.0, 1.0, rows)  # noqa: E731
    positive = lambda scale: rng.exponential(scale, rows)  # noqa: E731
    size_mean = np.where(some, volume / np.maximum(trades, 1), np.nan)
    return {
        "trades": trades,
        "bought": bought,
        "sold": volume - bought,
        "size_mean": size_mean,
        "size_m2": np.where(
            some, np.maximum(trades - 1, 0) * np.nan_to_num(size_mean) ** 2 * rng.random(rows), 0.0
        ),
        "price_mean": np.where(some, close, np.nan),
        "price_m2": np.where(some, np.maximum(trades - 1, 0) * (close * 1e-4) ** 2 * rng.random(rows), 0.0),
        "large_trades": rng.integers(0, 40, rows) % np.maximum(trades, 1),
        "tick_volatility_5m": positive(2.0),
        "realized_variance": positive(5.0),
        "vwap_distance": rng.normal(0.0, 10.0, rows),
        "book_seconds": np.full(rows, 60.0 * minutes),
        "book_seconds_5": np.full(rows, 60.0 * minutes),
        "book_seconds_10": np.full(rows, 60.0 * minutes),
        "bid_ask_spread": positive(3.0),
        "spread_volatility": positive(1.0),
        "order_book_imbalance": unit(),
        "book_pressure_5": unit(),
        "book_pressure_10": unit(),
        "weighted_mid_price": mid[0],
        "microprice": mid[1],
        "effective_spread_sum": np.where(some, rng.normal(1.0, 3.0, rows) * volume, 0.0),
        "effective_spread_amount": np.where(some, volume, 0.0),
        "mid_start": mid[0],
        "mid_end": mid[1],
        "late": np.zeros(rows, dtype=np.int64),
        "crossed": np.zeros(rows, dtype=np.int64),
        "flow_imbalance_sum": rng.normal(0.0, 5.0, rows),
        "level1_size_sum": 60.0 * minutes * rng.lognormal(0.0, 1.0, rows),
    }


def bars(
    rows: int, timeframe: str = "1m", seed: int = 0, gaps: tuple[int, ...] = (), start: datetime = START
) -> pl.DataFrame:
    """BARS rows with every aggregate known; `gaps` are rows before which five bars are unknown."""
    rng = np.random.default_rng(seed)
    length = length_of(timeframe)
    skipped = np.zeros(rows, dtype=np.int64)
    skipped[list(gaps)] = 5
    slots = np.arange(rows) + np.cumsum(skipped)
    candle = prices(rng, rows)
    columns = {
        "open_time": pl.Series(slots * (length.total_seconds() * 1_000_000), dtype=pl.Int64).cast(
            pl.Duration("us")
        )
        + start,
        **candle,
        "origin": np.where(candle["volume"] > 0, "ticks", "verified-empty"),
        **aggregates(rng, candle["close"], candle["volume"], length.seconds // 60 or 1440),
    }
    return pl.DataFrame(columns, nan_to_null=True).select(
        pl.col(name).cast(kind) for name, kind in BARS.items()
    )


def without_ticks(frame: pl.DataFrame) -> pl.DataFrame:
    """The same bars as candles: every aggregate null."""
    names = list(BARS)[7:]
    return frame.with_columns(
        pl.lit("candle").alias("origin"), *(pl.lit(None, BARS[name]).alias(name) for name in names)
    )


def _hours(count: int, seed: int, start: datetime) -> pl.DataFrame:
    return bars(count, "1h", seed, start=start)


def tables(bars: pl.DataFrame, timeframe: str, seed: int = 0) -> dict[str, pl.DataFrame]:
    """What features of other sources read, by the name of compute's argument, over the whole span of the bars.

    Hourly funding from an hour before the first bar, stamped 989 ms late; FLOW of every five minutes, a fifth of them
    without a fill; BREADTH of every bar; hours from 60 before the first bar on, more than any feature looks back.
    """
    rng = np.random.default_rng([seed, 7])
    first, end = bars["open_time"][0], bars["open_time"][-1] + length_of(timeframe)
    whole = first.replace(minute=0)
    hours = 2 + (end - whole) // timedelta(hours=1)
    stamps = [whole + timedelta(hours=k - 1, milliseconds=989) for k in range(hours)]
    fives = [first + timedelta(minutes=5 * k) for k in range((end - first) // timedelta(minutes=5))]
    fills = rng.standard_t(2, (2, len(fives))) * 500.0 * (rng.random((2, len(fives))) < 0.8)
    flow = {"open_time": fives, "flow_top": fills[0], "flow_bottom": fills[1]}
    return {
        "funding": pl.DataFrame(
            {"time": stamps, "rate": rng.normal(0.0, 1e-4, hours), "period_hours": 1.0}, FUNDING
        ),
        "flow": pl.DataFrame({**flow, "adv": rng.uniform(100.0, 5000.0, len(fives))}, FLOW),
        "breadth": pl.DataFrame(
            {"open_time": bars["open_time"], "breadth": rng.random(bars.height)}, BREADTH
        ),
        "hours": _hours(hours + HOURS_BEFORE, seed, whole - HOURS_BEFORE * HOUR),
    }


def scaled(bars: pl.DataFrame, price: float, volume: float) -> pl.DataFrame:
    """The same market in another currency and lot size."""
    return bars.with_columns(
        *(pl.col(name) * price for name in PRICES),
        *(pl.col(name) * volume for name in VOLUMES),
        price_m2=pl.col("price_m2") * price**2,
        size_m2=pl.col("size_m2") * volume**2,
    )


def scaled_tables(tables: dict[str, pl.DataFrame], price: float, volume: float) -> dict[str, pl.DataFrame]:
    """The tables beside it: flows and the usual volume are amounts of money, rates and shares have no unit."""
    money = pl.col("flow_top", "flow_bottom", "adv") * (price * volume)
    hours = scaled(tables["hours"], price, volume)
    return {**tables, "flow": tables["flow"].with_columns(money), "hours": hours}
