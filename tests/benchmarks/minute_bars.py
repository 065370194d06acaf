"""Ticks and book of a busy day to minute bars, against decoding their Parquet and against vectorised pandas.

Everything is in memory, in one process. What does not live here: the pandas version (peers/).
"""

import io
from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from pipelines.market.minute_bars import minute_bars
from pipelines.market.schemas import BOOK_LEVELS, ORDER_BOOK, TRADES
from tests.benchmarks.measure import Row, at_least, at_most, best
from tests.benchmarks.peers.pandas_minute_bars import pandas_minute_bars

DAY = date(2024, 7, 19)
START = int(datetime(2024, 7, 18, 22, 59, tzinfo=UTC).timestamp()) * 1_000_000
SPAN = 1501 * 60_000_000  # the day and the 61 minutes before it
TRADES_A_DAY, UPDATES_A_DAY = 200_000, 8_640
LEVELS = range(1, BOOK_LEVELS + 1)


def measure() -> list[Row]:
    """At most 2.5 times the decoding, at least 3 times as fast as pandas."""
    trades, book = busy_day(TRADES_A_DAY, UPDATES_A_DAY)
    files = [_parquet(trades), _parquet(book)]
    tape, quotes = trades.to_pandas(), book.to_pandas()
    ours, decode, pandas = best(
        lambda: minute_bars(trades, book, DAY),
        lambda: [pl.read_parquet(io.BytesIO(file)) for file in files],
        lambda: pandas_minute_bars(tape, quotes),
        runs=7,
    )
    work = f"minute bars, {TRADES_A_DAY:,} trades + {UPDATES_A_DAY:,} books"
    return [
        at_most(2.5, work, ours, "decoding their Parquet", decode),
        at_least(3.0, work, ours, "vectorised pandas", pandas),
    ]


def _parquet(frame: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.write_parquet(sink)  # polars' default: zstd, as the lake writes
    return sink.getvalue()


def busy_day(n_trades: int, n_updates: int, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ticks with the traits that cost time: bursts, repeated prices, decimals, delays, full ladders."""
    rng = np.random.default_rng(seed)
    t = START + np.sort(rng.integers(0, SPAN, n_trades))
    steps = rng.normal(0, 0.5, n_trades) * (rng.random(n_trades) < 0.4)
    tape = {
        "time": t,
        "local_time": t + rng.integers(5_000, 300_000, n_trades),
        "id": np.arange(n_trades) + 5_182_005_737,
        "side": rng.choice([-1, 1], n_trades),
        "price": np.round(64_000 + np.cumsum(steps), 1),
        "amount": np.round(rng.lognormal(-4, 1.5, n_trades), 3) + 0.001,
    }
    u = START + np.sort(rng.integers(0, SPAN, n_updates))
    mid = tape["price"][np.clip(np.searchsorted(t, u), 0, n_trades - 1)]
    depth: dict[str, np.ndarray] = {"time": u, "local_time": u + rng.integers(5_000, 300_000, n_updates)}
    for level in LEVELS:
        for side, sign in (("bid", -1), ("ask", 1)):
            depth[f"{side}_price_{level}"] = np.round(mid + sign * (level - 0.5) * 0.1, 2)
            depth[f"{side}_amount_{level}"] = np.round(rng.lognormal(0, 1.5, n_updates), 3) + 0.001
    return pl.DataFrame(tape).cast(pl.Schema(TRADES)), pl.DataFrame(depth).select(list(ORDER_BOOK)).cast(
        pl.Schema(ORDER_BOOK)
    )
