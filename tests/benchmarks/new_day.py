"""A new day of minutes behind two years of them: the features asset's own steps, against a cold build of everything.

Both leave the same table, bit by bit; that is checked before the seconds count. The day costs its month, because the
lake replaces months, and as many bars before it as the longest memory.
"""

import tempfile
import time
from datetime import timedelta
from pathlib import Path

import polars as pl

from assets.feature_months import made_now
from assets.increments import remember
from pipelines.errors import BadData
from pipelines.settings import parse
from resources.lake import Lake
from tests.benchmarks.features import make_bars
from tests.benchmarks.measure import Row, at_most
from tests.benchmarks.scale import settings_text

ROWS = 1_051_200
KEYS = {"symbol": "COIN000-USD", "timeframe": "1m"}
SHARE = (
    0.15  # of a cold build: two of 24 months are read, the newest and the one that its memory reaches into
)


def measure() -> list[Row]:
    """One row; about half a minute and a gigabyte of temporary disk."""
    bars = make_bars(ROWS)
    yesterday = bars.filter(pl.col("open_time") < bars["open_time"][-1] - timedelta(days=1))
    with tempfile.TemporaryDirectory() as folder:
        daily, cold = Lake(Path(folder) / "daily"), Lake(Path(folder) / "cold")
        daily.replace_months("bars", yesterday, KEYS)
        materialise(daily)
        for lake in (daily, cold):
            lake.replace_months("bars", bars, KEYS)
        day, whole = materialise(daily), materialise(cold)
        if daily.fingerprint("features", KEYS).sha256 != cold.fingerprint("features", KEYS).sha256:
            raise BadData(
                "features of a new day must be those of a cold build, found others: nothing to time."
            )
    return [at_most(SHARE, f"features of a new day behind {ROWS:,} bars", day, "a cold build", whole)]


def materialise(lake: Lake) -> float:
    """Seconds of what the asset does, its checks apart."""
    settings = parse(settings_text(Path("unused"), 1, 730), {}, "benchmark")
    started = time.perf_counter()
    made = made_now(lake, settings, KEYS)
    receipt = lake.replace_months("features", made.frame, KEYS, since=made.stale.since)
    remember(lake, KEYS, made.stale, receipt)
    return time.perf_counter() - started
