"""sequences_lstm60 and sequences_transformer100: the windows of one recipe each, beside those of the timing models."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipelines.sequences.specs import spec
from resources.datasets import Datasets
from tests.assets.world import SILENT, World, enough, metadata, why

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path: Path, instance: dg.DagsterInstance) -> World:
    made = World(tmp_path, instance, enough())
    made.ingest()
    for timeframe in ("1m", "1h"):
        assert made.run("build_bars_and_features", f"BTC-USD|{timeframe}").success
    return made


def click(world: World, name: str) -> dg.ExecuteInProcessResult:
    return world.research.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[dg.AssetKey(name)],
        partition_key="BTC-USD",
        instance=world.instance,
        run_config=SILENT,
        raise_on_error=False,
    )


@pytest.mark.parametrize("name", ["sequences_lstm60", "sequences_transformer100"])
def test_one_window_by_symbol(world: World, name: str) -> None:
    window = spec(name.removeprefix("sequences_"))
    result = click(world, name)
    assert result.success, why(result)
    rows = world.lake.read("sequences", {"symbol": "BTC-USD", "window": window.name})
    assert metadata(result, name)["windows"] == rows.height > 1000
    dataset = Datasets(world.root / world.settings.paths.datasets).open("BTC-USD", window.name)
    assert dataset.manifest.shape[:2] == (rows.height, window.bars)
    assert dataset.manifest.horizon == window.horizon == 15
    assert rows["row"].min() >= window.bars - 1  # type: ignore[operator]
    interval = (rows["known_until"] - rows["known_from"]).unique()
    assert interval.dt.total_minutes().to_list() == [16]
    assert rows.select(pl.col("open_time").is_sorted()).item()


def test_all_windows_share_one_matrix(world: World) -> None:
    for name in ("sequences_lstm60", "sequences_transformer100"):
        assert click(world, name).success
    assert len(list((world.root / world.settings.paths.datasets / "matrices").iterdir())) == 1
