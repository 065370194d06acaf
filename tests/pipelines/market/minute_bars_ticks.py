"""Builders of small tick frames for the minute-bar tests: by hand, and random with a feed's awkwardness."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl

from pipelines.market.schemas import BOOK_LEVELS, ORDER_BOOK, TRADES

DAY = date(2024, 7, 19)
MIDNIGHT = int(datetime(2024, 7, 19, tzinfo=UTC).timestamp()) * 1_000_000
SECOND = 1_000_000
Trade = tuple[float, int, float, float]  # seconds after midnight, side, price, amount


def trades_frame(rows: list[Trade], local: list[float | None] | None = None) -> pl.DataFrame:
    """Trades from (seconds after midnight, side, price, amount); ids in the order given."""
    times = [MIDNIGHT + round(row[0] * SECOND) for row in rows]
    known = [None if x is None else MIDNIGHT + round(x * SECOND) for x in local or [None] * len(rows)]
    columns = [times, known, range(len(rows)), *([row[k] for row in rows] for k in (1, 2, 3))]
    return _frame(dict(zip(TRADES, columns, strict=True)), TRADES)


def book_frame(
    rows: list[tuple[float, list[tuple[float, float]], list[tuple[float, float]]]],
    local: list[float | None] | None = None,
) -> pl.DataFrame:
    """Book updates from (seconds after midnight, [(bid, size), ...], [(ask, size), ...]), best first."""
    columns: dict[str, object] = {
        "time": [MIDNIGHT + round(row[0] * SECOND) for row in rows],
        "local_time": [
            None if x is None else MIDNIGHT + round(x * SECOND) for x in local or [None] * len(rows)
        ],
    }
    for level in range(BOOK_LEVELS):
        for k, side in ((1, "bid"), (2, "ask")):
            for j, what in enumerate(("price", "amount")):
                columns[f"{side}_{what}_{level + 1}"] = [
                    row[k][level][j] if level < len(row[k]) else None for row in rows
                ]
    return _frame(columns, ORDER_BOOK)


def _frame(columns: dict[str, object], schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    loose = {name: pl.Int64 if "time" in name or name in ("id", "side") else pl.Float64 for name in schema}
    return pl.DataFrame(columns, schema=loose).cast(pl.Schema(schema))


def ladder(
    mid: float, bid_size: float = 1.0, ask_size: float = 1.0, levels: int = 10
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Levels of 1 quote unit around mid, best at mid -/+ 0.5, all of one size a side."""
    steps = [0.5 + k for k in range(levels)]
    return [(mid - s, bid_size) for s in steps], [(mid + s, ask_size) for s in steps]


def random_market(
    seed: int,
    minutes: tuple[int, int] = (-64, 25),
    trades: float = 3.0,
    updates: float = 5.0,
    dead: float = 0.0,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Trades and book between two minutes counted from midnight, shuffled.

    Stamps are half seconds, so ties, exact opens and closes, and ages of exactly 60 s occur; some events are
    late, some books crossed, thin or one-sided, some minutes have no trade, some no update. A share `dead` of
    the minutes has neither; with `dead` 0 each minute has an update, so that long windows exist.
    """
    rng = np.random.default_rng(seed)
    first, last = minutes
    alive = rng.random(last - first) >= dead
    t = _stamps(rng, first, alive, trades)
    price = np.round(60_000 * np.exp(np.cumsum(rng.normal(0, 1e-4, len(t)))), 1)
    if len(t):
        price[rng.random(len(t)) < 0.4] = price[0]  # runs of one price
    amount = np.round(rng.lognormal(-3, 1.5, len(t)), 3) + 0.001
    tape = pl.DataFrame(
        {
            "time": t,
            "local_time": _local(rng, t),
            "id": np.arange(len(t)),
            "side": rng.choice([-1, 1], len(t)),
            "price": price,
            "amount": amount,
        }
    ).cast(pl.Schema(TRADES))
    return tape.sample(fraction=1.0, shuffle=True, seed=seed), _random_book(
        rng, _stamps(rng, first, alive, updates, at_least=0 if dead else 1)
    )


def _stamps(
    rng: np.random.Generator, first: int, alive: np.ndarray, rate: float, at_least: int = 0
) -> np.ndarray:
    """Half-second stamps, about `rate` a live minute; a fifth of the minutes have none."""
    counts = np.where(rng.random(len(alive)) < 0.2, 0, rng.poisson(rate, len(alive)))
    counts = np.maximum(counts, at_least) * alive
    open_times = MIDNIGHT + (first + np.arange(len(alive))) * 60 * SECOND
    halves = rng.integers(0, 120, counts.sum())
    return np.sort(np.repeat(open_times, counts) + halves * SECOND // 2)


def _local(rng: np.random.Generator, time: np.ndarray) -> pl.Series:
    delay = rng.choice([50_000, 2_500_000, 8_000_000], len(time), p=[0.8, 0.15, 0.05])
    return pl.Series(time + delay).set(pl.Series(rng.random(len(time)) < 0.05), None)


def _random_book(rng: np.random.Generator, time: np.ndarray) -> pl.DataFrame:
    columns: dict[str, object] = {"time": time, "local_time": _local(rng, time)}
    mid = np.round(60_000 + np.cumsum(rng.normal(0, 3, len(time))), 1)
    thin = rng.random(len(time)) < 0.2
    depth = {side: np.where(thin, rng.integers(0, 10, len(time)), 10) for side in ("bid", "ask")}
    crossed = rng.random(len(time)) < 0.05
    for level in range(1, BOOK_LEVELS + 1):
        for side, sign in (("bid", -1), ("ask", 1)):
            distance = np.where(crossed, -0.2 + level * 0.1, level * 0.1)
            here = pl.Series(depth[side] >= level)
            for what, values in (
                ("price", mid + sign * distance),
                ("amount", np.round(rng.lognormal(0, 1, len(time)), 3) + 0.001),
            ):
                columns[f"{side}_{what}_{level}"] = pl.Series(values).set(~here, None)
    return pl.DataFrame(columns).select(list(ORDER_BOOK)).cast(pl.Schema(ORDER_BOOK))
