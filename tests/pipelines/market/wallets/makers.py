"""A synthetic market of wallets: some are good, some bad, some too idle to be judged."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl

from pipelines.market.schemas import CANDLES, FILLS

START = date(2026, 1, 1)
BAR = timedelta(minutes=5)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True)
class Habit:
    """How a wallet trades: fills a day, share of days it is active, and how often it is on the right side."""

    fills: int = 8
    active: float = 1.0
    skill: float = 0.5


def candles(days: int, seed: int = 0) -> pl.DataFrame:
    """5m CANDLES of `days` whole days."""
    random = np.random.default_rng(seed)
    close = 60_000 * np.exp(np.cumsum(random.normal(0, 1e-3, days * 288)))
    opens = np.concatenate([[60_000.0], close[:-1]])
    times = [midnight(START) + k * BAR for k in range(days * 288)]
    return pl.DataFrame(
        {
            "open_time": times,
            "open": opens,
            "high": np.maximum(opens, close),
            "low": np.minimum(opens, close),
            "close": close,
            "volume": random.uniform(1, 5, days * 288),
        },
        schema=CANDLES,
    )


def wallet(number: int) -> str:
    return f"0x{number:040x}"


def fills(prices: pl.DataFrame, habits: list[Habit], seed: int = 1) -> pl.DataFrame:
    """FILLS of wallets 0, 1, … at the closes of the bars; a skilled wallet knows where the day will end."""
    random = np.random.default_rng(seed)
    close = prices["close"].to_numpy()
    rows = []
    for number, habit in enumerate(habits):
        for day in range(len(close) // 288):
            if random.random() >= habit.active:
                continue
            for bar in np.sort(random.integers(0, 287, habit.fills)):
                at = day * 288 + int(bar)
                right = 1 if close[day * 288 + 287] > close[at] else -1
                side = right if random.random() < habit.skill else -right
                moment = midnight(START) + at * BAR + timedelta(milliseconds=int(random.integers(0, 300_000)))
                size = round(float(random.uniform(0.01, 0.5)), 4)
                rows.append((moment, wallet(number), "BTC", side, float(close[at]), size, None))
    return pl.DataFrame(rows, schema=FILLS, orient="row").sort("time")


def crowd(count: int) -> list[Habit]:
    """Wallets whose skill goes from bad to good."""
    return [Habit(skill=0.2 + 0.6 * number / max(count - 1, 1)) for number in range(count)]
