"""Features of a market that closes: the day begins at its open, and what is left of it ends at its close."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from assets.paper_feed import forecasts_of
from assets.pinned import pinned
from pipelines.features import feature_set
from pipelines.market.calendars import Calendar
from pipelines.sequences.volatility import with_sigma
from pipelines.trading.session import SessionConfig
from resources.tracking import Tracking
from tests.assets.world import World, metadata, toml, why
from tests.pipelines.features import makers

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
KEYS = {"symbol": "AAPL-USD", "timeframe": "5m"}


def world_of(folder: Path, instance: dg.DagsterInstance, frame: pl.DataFrame, end: datetime) -> World:
    frame.write_parquet(folder / "aapl.parquet")
    universe = UNIVERSE.format(folder=folder).replace("2026-01-10", f"{end:%Y-%m-%d}")
    text = (
        toml((), universe, "").replace("BTC-USD", "AAPL-USD").replace('timeframe = "1h"', 'timeframe = "5m"')
    )
    world = World(folder / "world", instance, text)
    for job in ("ingest_candles", "build_bars_and_features"):
        result = world.run(job, "AAPL-USD|5m")
        assert result.success, why(result)
    return world


@pytest.fixture
def shares(tmp_path: Path, instance: dg.DagsterInstance) -> World:
    """Five sessions of 78 bars, a price that rises by a cent a bar."""
    opens = Calendar("XNYS").opens(START, END, "5m")
    opened = 100.0 + 0.01 * np.arange(len(opens))
    frame = pl.DataFrame({"timestamp": opens, "open": opened, "high": opened + 0.02, "low": opened - 0.01})
    return world_of(tmp_path, instance, frame.with_columns(close=opened + 0.01, volume=pl.lit(5.0)), END)


def test_the_day_begins_at_the_open_and_ends_at_the_close(shares: World) -> None:
    features = shares.lake.read("features", KEYS)
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


def test_five_minutes_of_shares_are_trained_on_and_forecast_by_the_same_numbers(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty sessions: σ runs through the nights, in training as in a session that is fed the last fifteen."""
    end = datetime(2026, 4, 1, tzinfo=UTC)
    opens = Calendar("XNYS").opens(START, end, "5m")
    bars = makers.bars(len(opens), "5m", seed=5).select("open", "high", "low", "close", "volume")
    world = world_of(tmp_path, instance, bars.with_columns(timestamp=opens), end)
    monkeypatch.setattr(Tracking, "record", lambda *_, **__: "run 1")  # it only numbers its runs
    trained = world.run("retrain_boosted_trees", "AAPL-USD|5m")
    assert trained.success, why(trained)
    assert "refused" not in metadata(trained, "boosted_trees")

    tables = pinned(world.lake, KEYS, "XNYS")
    batch = with_sigma(tables.features, tables.bars, "5m", 12)
    assert batch["sigma"].count() == batch.height - 288
    asked: dict[str, pl.DataFrame] = {}
    names = feature_set("v4").names
    card = SimpleNamespace(features=names, timeframe="5m", horizon=12)
    forecaster = SimpleNamespace(manifest=card, forecast=lambda frames: asked.update(frames))
    known: Any = SimpleNamespace(forecaster=forecaster, calendar="XNYS")
    recent, since = world.lake.read("bars", KEYS).tail(15 * 78), tables.bars["open_time"][-78 * 5]
    forecasts_of(known, "AAPL-USD", recent, SessionConfig("main", ("AAPL-USD",), "5m", 12), since, {})
    last = asked["AAPL-USD"].filter(pl.col("open_time") >= since).select("open_time", "sigma", *names)
    assert last["sigma"].null_count() == 0
    assert last.equals(batch.tail(78 * 5).select(last.columns))
