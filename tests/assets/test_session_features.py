"""Features of a market that closes: the day begins at its open, and what is left of it ends at its close."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from pipelines.market.calendars import Calendar
from tests.assets.world import World, toml, why

UNIVERSE = """
[universe]
start = 2026-01-05
end = 2026-01-10
timeframes = ["5m"]
windows = []
[[universe.symbols]]
symbol = "AAPL-USD"
primary = "nyse.AAPL-USD"
calendar = "XNYS"
[source]
kind = "files"
[[source.files]]
glob = "{folder}/aapl.parquet"
kind = "ohlcv"
market = "nyse.AAPL-USD"
timeframe = "5m"
"""
START, END = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 10, tzinfo=UTC)


@pytest.fixture
def shares(tmp_path: Path, instance: dg.DagsterInstance) -> World:
    """Five sessions of 78 bars, a price that rises by a cent a bar."""
    opens = Calendar("XNYS").opens(START, END, "5m")
    opened = 100.0 + 0.01 * np.arange(len(opens))
    frame = pl.DataFrame({"timestamp": opens, "open": opened, "high": opened + 0.02, "low": opened - 0.01})
    frame.with_columns(close=opened + 0.01, volume=pl.lit(5.0)).write_parquet(tmp_path / "aapl.parquet")
    text = (
        toml((), UNIVERSE.format(folder=tmp_path), "")
        .replace("BTC-USD", "AAPL-USD")
        .replace('timeframe = "1h"', 'timeframe = "5m"')
    )
    return World(tmp_path / "world", instance, text)


def test_the_day_begins_at_the_open_and_ends_at_the_close(shares: World) -> None:
    for job in ("ingest_candles", "build_bars_and_features"):
        result = shares.run(job, "AAPL-USD|5m")
        assert result.success, why(result)
    features = shares.lake.read("features", {"symbol": "AAPL-USD", "timeframe": "5m"})
    assert features.height == 5 * 78
    sessions = Calendar("XNYS").sessions(START, END)
    for number, (opened, closed) in enumerate(sessions.select("open", "close").iter_rows()):
        day = features.filter(pl.col("open_time").is_between(opened, closed, closed="left"))
        first, last = 100.0 + 0.01 * 78 * number, 100.0 + 0.01 * 78 * (number + 1)
        assert day["intraday_return"][0] == pytest.approx(0.01 / first, rel=1e-9)
        assert day["intraday_return"][-1] == pytest.approx((last - first) / first, rel=1e-9)
        assert day["minutes_to_close"][0] == pytest.approx(385 / 1440)
        assert day["minutes_to_close"][-1] == 0.0
        assert day["mom_1"].null_count() == (number == 0)  # the night is no unknown gap
        assert closed - opened == timedelta(hours=6.5)
