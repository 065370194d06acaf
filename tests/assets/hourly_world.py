"""A market of quarters of an hour and its hours, as candles, stored features, a trained model and an obeyed pointer.

What is read of it: test_hourly_context.py (stored features) and test_hourly_session.py (the paper session).
"""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import polars as pl

from assets.obedience import Obeyed
from assets.pinned import pinned
from pipelines.features import best_set, feature_set
from pipelines.models.forecaster import load
from pipelines.models.trees import TreesConfig, fit_boosted_trees
from pipelines.promotion.bundle import Bundle
from tests.assets.test_cohort_features import hourly, told
from tests.assets.world import REST, SYNTHETIC, World, metadata, toml, why
from tests.assets.zoo import Zoo
from tests.pipelines.market.wallets.makers import candles

SYMBOL, DAYS = "BTC-USD", 40
HOURS = feature_set("hours").names
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
QUARTERS = {"symbol": SYMBOL, "timeframe": "15m"}
HOURLY = {"symbol": SYMBOL, "timeframe": "1h"}
UNIVERSE = """
[universe]
start = 2026-01-01
end = 2026-02-10
timeframes = ["15m", "1h"]
windows = ["seq500h"]
feature_sets = ["v5", "hours"]
"""
SETTINGS = toml((SYMBOL,), SYNTHETIC, UNIVERSE, REST.replace('timeframe = "1h"', 'timeframe = "15m"'))


def quarters(five: pl.DataFrame) -> pl.DataFrame:
    first, last = pl.col("open").first(), pl.col("close").last()
    highest, lowest, volume = pl.col("high").max(), pl.col("low").min(), pl.col("volume").sum()
    return five.group_by_dynamic("open_time", every="15m").agg(first, highest, lowest, last, volume)


def record(world: World, five: pl.DataFrame) -> None:
    world.lake.replace_months("candles", told(quarters(five)), QUARTERS)
    world.lake.replace_months("candles", told(hourly(five)), HOURLY)


def hourly_world(root: Path, instance: dg.DagsterInstance) -> World:
    made = World(root, instance, SETTINGS)
    record(made, candles(DAYS))
    return made


def built(world: World, timeframe: str = "15m") -> dg.ExecuteInProcessResult:
    return world.run("build_bars_and_features", f"{SYMBOL}|{timeframe}")


def features_of_quarters(world: World) -> pl.DataFrame:
    """Features of quarters, made after the hours."""
    assert built(world, "1h").success
    result = built(world)
    assert result.success, why(result)
    assert metadata(result, "features")["set"] == "v4_hours"
    assert metadata(result, "features")["absent"].keys() == {"funding"}
    return world.lake.read("features", QUARTERS)


def trained(world: World) -> Zoo:
    """On the candles as they were recorded first; the last eight days are left to the session."""
    record(world, candles(DAYS))
    assert built(world, "1h").success
    assert built(world).success
    tables = pinned(world.lake, QUARTERS, "always")
    candidate = fit_boosted_trees(
        tables.features,
        tables.bars,
        symbol=SYMBOL,
        timeframe="15m",
        feature_set=best_set(tables.features),
        until=tables.bars["open_time"][-1] - timedelta(days=8),
        data_fingerprint=tables.sha256,
        code_fingerprint="code",
        config=TreesConfig(rounds=10, n_folds=2),
    )
    return Zoo(SYMBOL, candidate, tables.bars)


def promoted(world: World, zoo: Zoo) -> Obeyed:
    pointer = zoo.promote(world)
    found = load(Bundle.from_files(world.registry.load(pointer.sha256), pointer.sha256))
    return Obeyed(zoo.slot, pointer, found)


def model_of_hours() -> Any:
    """A pointer's model that reads hours alone, as far as its feed looks at it."""
    return SimpleNamespace(
        forecaster=SimpleNamespace(manifest=SimpleNamespace(features=HOURS, timeframe="15m"))
    )
