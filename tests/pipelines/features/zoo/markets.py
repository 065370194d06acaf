"""What the zoo runs on: bars of several lengths and the tables beside them, all from START (Monday 00:00 UTC)."""

from datetime import timedelta
from functools import cache

import numpy as np
import polars as pl

from pipelines.features.causality import Table
from tests.pipelines.features.makers import START, bars

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WALLETS = [f"0x{number}" for number in range(6)]


@cache
def minutes() -> pl.DataFrame:
    """Ten hours of minutes; nothing trades in rows 220 to 289."""
    return bars(600)


@cache
def many_minutes() -> pl.DataFrame:
    """2,000 minutes."""
    return bars(2_000, seed=1)


@cache
def quarters() -> pl.DataFrame:
    """Two and a half days of 15 minutes: 96 rows a day."""
    return bars(240, "15m", seed=2)


def hours() -> Table:
    """Final hourly candles named by their open, known an hour later."""
    hour = pl.col("open_time").dt.truncate("1h").alias("open_time")
    closes = minutes().group_by(hour, maintain_order=True).agg(pl.col("close").last().alias("hour_close"))
    return Table(closes, pl.col("open_time") + HOUR)


def days() -> Table:
    """Daily closes named by their day, known when it is over."""
    day = pl.col("open_time").dt.truncate("1d").alias("day")
    closes = quarters().group_by(day, maintain_order=True).agg(pl.col("close").last().alias("day_close"))
    return Table(closes, pl.col("day") + DAY)


def funding() -> Table:
    """Hourly rates, recorded 989 ms after the hour that they are named after."""
    rates = np.random.default_rng(3).normal(0.0, 1e-4, 11)
    stamps = [START + hour * HOUR + timedelta(milliseconds=989) for hour in range(11)]
    return Table(pl.DataFrame({"stamp": stamps, "rate": rates}), "stamp")


def candles() -> Table:
    """Closes as first seen when each minute ends. Row 50 is revised at minute 175, row 120 at 200, row 400 at 500."""
    seen = minutes().select(
        pl.col("open_time").alias("minute"),
        (pl.col("open_time") + timedelta(minutes=1)).alias("recorded"),
        pl.col("close").alias("seen_close"),
    )
    late = {50: 175, 120: 200, 400: 500}
    revised = seen[list(late)].with_columns(
        (START + pl.duration(minutes=pl.Series(list(late.values())))).alias("recorded"),
        pl.col("seen_close") * 1.01,
    )
    return Table(pl.concat([seen, revised.cast(seen.schema)]), "recorded")


def fills() -> Table:
    """What each of six wallets bought or sold (below 0) seven minutes into each quarter of an hour."""
    rng = np.random.default_rng(4)
    opened = quarters().get_column("open_time")
    times = (opened + timedelta(minutes=7)).gather(np.repeat(np.arange(len(opened)), len(WALLETS)))
    frame = pl.DataFrame(
        {"time": times, "wallet": WALLETS * len(opened), "amount": rng.normal(size=len(times))}
    )
    return Table(frame, "time")


def profits() -> Table:
    """Profit of each wallet and day, known when the day is over."""
    rng = np.random.default_rng(5)
    named = [START + number * DAY for number in range(-2, 3) for _ in WALLETS]
    frame = pl.DataFrame({"day": named, "wallet": WALLETS * 5, "profit": rng.normal(size=len(named))})
    return Table(frame, pl.col("day") + DAY)


@cache
def trades() -> pl.DataFrame:
    """A trade every ten seconds; side +1 when the aggressor bought."""
    rng = np.random.default_rng(6)
    times = [START + timedelta(seconds=10 * number) for number in range(300)]
    prices = 100.0 + np.cumsum(rng.normal(0.0, 0.01, 300))
    return pl.DataFrame({"open_time": times, "price": prices, "side": rng.choice([-1.0, 1.0], 300)})


def quotes() -> Table:
    """A mid every seven seconds, from four seconds before the first trade on."""
    rng = np.random.default_rng(7)
    times = [START + timedelta(seconds=7 * number - 4) for number in range(430)]
    return Table(pl.DataFrame({"time": times, "mid": 100.0 + np.cumsum(rng.normal(0.0, 0.01, 430))}), "time")
