"""Worlds for the asset tests, and one candidate for all of them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.features import feature_set
from pipelines.models.trees import TreesConfig, fit_boosted_trees
from tests.assets.world import World
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


@pytest.fixture(scope="session")
def zoo(market: Callable[..., Any]) -> Zoo:  # noqa: F811
    features, bars = market(2700, edge=0.5)
    candidate = fit_boosted_trees(
        features,
        bars,
        symbol="BTC-USD",
        timeframe="1h",
        feature_set=feature_set("v4"),
        until=bars["open_time"][-SERVED],
        data_fingerprint="data",
        code_fingerprint="code",
        config=TreesConfig(rounds=15, n_folds=2),
    )
    return Zoo(candidate, bars)
