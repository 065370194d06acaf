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


LONGER = 1.5  # as long as behind a quarter of the history, at most: the cost is the month's, not history's


def measure() -> list[Row]:
    """Two rows; about a minute and a gigabyte of temporary disk."""
    bars = make_bars(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        lake, cold = Lake(Path(folder) / "daily"), Lake(Path(folder) / "cold")
        short, day = newest_day(Lake(Path(folder) / "short"), bars.tail(ROWS // 4)), newest_day(lake, bars)
        cold.replace_months("bars", bars, KEYS)
        whole = materialise(cold)
        if lake.fingerprint("features", KEYS).sha256 != cold.fingerprint("features", KEYS).sha256:
            raise BadData(
                "features of a new day must be those of a cold build, found others: nothing to time."
            )
    work = f"features of a new day behind {ROWS:,} bars"
    return [
        at_most(SHARE, work, day, "a cold build", whole),
        at_most(LONGER, work, day, f"the same day behind {ROWS // 4:,}", short),
    ]


def newest_day(lake: Lake, bars: pl.DataFrame) -> float:
    """Seconds that the last day of the bars costs when all before it is stored."""
    yesterday = bars.filter(pl.col("open_time") < bars["open_time"][-1] - timedelta(days=1))
    lake.replace_months("bars", yesterday, KEYS)
    materialise(lake)
    lake.replace_months("bars", bars, KEYS)
    return materialise(lake)


def materialise(lake: Lake) -> float:
    """Seconds of what the asset does, its checks apart."""
    settings = parse(settings_text(Path("unused"), 1, 730), {}, "benchmark")
    started = time.perf_counter()
    made = made_now(lake, settings, KEYS)
    receipt = lake.replace_months("features", made.frame, KEYS, since=made.stale.since)
    remember(lake, KEYS, made.stale, receipt)
    return time.perf_counter() - started
