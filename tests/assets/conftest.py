"""Worlds for the asset tests, and one candidate for all of them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from pipelines.features import feature_set
from pipelines.models.trees import TreesConfig, fit_boosted_trees
from tests.assets.world import World, toml
from tests.assets.zoo import Zoo
from tests.pipelines.models.conftest import market  # noqa: F401  (a fixture)

SERVED = 300  # hours after the training


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


@pytest.fixture
def world(tmp_path: Path, instance: dg.DagsterInstance) -> World:
    return World(tmp_path, instance)


@pytest.fixture
def promoted(world: World, zoo: Zoo) -> World:
    zoo.promote(world)
    zoo.record_bars(world)
    return world


@pytest.fixture
def two(tmp_path: Path, instance: dg.DagsterInstance) -> World:
    """A world whose session trades two symbols."""
    text = toml(("BTC-USD", "ETH-USD"))
    old = 'symbols = ["BTC-USD"]'
    assert old in text
    return World(tmp_path, instance, text.replace(old, 'symbols = ["BTC-USD", "ETH-USD"]'))


@pytest.fixture(scope="session")
def zoo(market: Callable[..., Any]) -> Zoo:  # noqa: F811
    return made("BTC-USD", market(2700, edge=0.5))


@pytest.fixture(scope="session")
def later_zoo(market: Callable[..., Any]) -> Zoo:  # noqa: F811
    """The first symbol's after a week more of training."""
    return made("BTC-USD", market(2700, edge=0.5), SERVED - 168)


@pytest.fixture(scope="session")
def second_zoo(market: Callable[..., Any]) -> Zoo:  # noqa: F811
    """Another symbol's, for sessions of two."""
    return made("ETH-USD", market(2700, edge=0.5, seed=1))


def made(symbol: str, tables: tuple[pl.DataFrame, pl.DataFrame], served: int = SERVED) -> Zoo:
    """A candidate that leaves the last `served` hours to the session."""
    features, bars = tables
    candidate = fit_boosted_trees(
        features,
        bars,
        symbol=symbol,
        timeframe="1h",
        feature_set=feature_set("v4"),
        until=bars["open_time"][-served],
        data_fingerprint="data",
        code_fingerprint="code",
        config=TreesConfig(rounds=15, n_folds=2),
    )
    return Zoo(symbol, candidate, bars)
