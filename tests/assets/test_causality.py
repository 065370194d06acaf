"""is_causal on the real road: green with its figures, and red without a write when a feature reads one bar ahead."""

from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from assets.causality import NEWEST
from pipelines.features import averages, price, sets
from pipelines.features.block import Array, Block
from pipelines.features.declaration import feature
from tests.assets.world import World, checks, materialised, toml, why

MINUTE, KEYS = "BTC-USD|1m", {"symbol": "BTC-USD", "timeframe": "1m"}


@pytest.fixture
def world(tmp_path: Path, instance: dg.DagsterInstance) -> World:
    world = World(tmp_path, instance, toml())
    assert world.run("ingest_candles", MINUTE).success
    return world


def test_causal_features_pass_with_what_was_looked_at(world: World) -> None:
    result = world.run("build_bars_and_features", MINUTE)
    (verdict,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "is_causal"]
    assert verdict.passed
    said = {name: value.value for name, value in verdict.metadata.items()}
    assert (said["bars"], said["leaks"], said["found"]) == (NEWEST, 0, "none")
    assert said["features"] >= 53
    assert said["seconds"] > 0.0


def test_a_feature_that_reads_one_bar_ahead_is_not_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = averages.window_mean

    def peeking(values: np.ndarray, rows: int) -> np.ndarray:
        means = honest(values, rows)
        return np.append(means[1:], means[-1])

    monkeypatch.setattr(averages, "window_mean", peeking)
    result = world.run("build_bars_and_features", MINUTE)
    assert not result.success
    assert checks(result)["is_causal"] is False
    assert checks(result)["is_finite"] is True
    assert materialised(result) == {"bars", "data_quality"}
    assert not world.lake.exists("features", KEYS)
    said = why(result)
    assert "BadData: features BTC-USD|1m read the future" in said
    assert "sma_7 reads the future: row " in said
    assert "reaches 1 bars (0:01:00) ahead" in said


@feature(unit="ratio", inputs=("close",), lookback=2)
def tomorrow(x: Block) -> Array:
    """The change to the bar after. Source: nobody should."""
    return np.append(np.diff(x.close), 0.0)


def test_a_set_of_one_s_own_is_stored_and_looked_at(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feature in a file of the catalogue, a set that names it, the setting that names the set."""
    monkeypatch.setattr(price, "tomorrow", tomorrow, raising=False)
    monkeypatch.setitem(sets._SETS, "mine", ("tomorrow",))
    sets.catalogue.cache_clear()
    text = toml().replace("\nwindows =", "\nfeature_sets = ['v5', 'mine']\nwindows =")
    own = World(tmp_path, instance, text)
    assert own.run("ingest_candles", MINUTE).success
    result = own.run("build_bars_and_features", MINUTE)
    monkeypatch.undo()
    sets.catalogue.cache_clear()
    assert not result.success
    assert "tomorrow reads the future: row " in why(result)
