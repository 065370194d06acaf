"""feature_report: the table, the page and what the UI shows of planted tables; nothing without features."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets.feature_report import labelled
from assets.pinned import pinned
from pipelines.features import catalogue, feature_set
from tests.assets.world import World, keep_features, materialised, metadata, why

HOUR, KEYS = "BTC-USD|1h", {"symbol": "BTC-USD", "timeframe": "1h"}
V4 = feature_set("v4").names
Tables = tuple[pl.DataFrame, pl.DataFrame]


@pytest.fixture
def tables(market: Callable[..., Any]) -> Tables:
    """Features and bars of 100 days; volume foretells, rsi_14 is lost and the ranges of March are ten times as wide."""
    features, bars = market(2_400, edge=0.5)
    march = pl.col("open_time").dt.month() == 3
    wide = pl.when(march).then(pl.col("spread_pct") * 10).otherwise("spread_pct")
    return features.with_columns(rsi_14=pl.lit(None, pl.Float64), spread_pct=wide), bars


def store(world: World, tables: Tables) -> None:
    features, bars = tables
    world.lake.replace_months("bars", bars, KEYS)
    keep_features(world.lake, features, KEYS)


def page(world: World) -> Path:
    return world.root / world.settings.paths.reports / "features" / "BTC-USD_1h.html"


def report(world: World) -> dg.ExecuteInProcessResult:
    return world.run("build_feature_report", HOUR)


def test_it_says_what_is_in_the_features(world: World, tables: Tables) -> None:
    store(world, tables)
    result = report(world)
    assert result.success
    assert materialised(result) == {"feature_report"}
    kept = world.lake.read("feature_report", KEYS)
    assert kept["name"].sort().to_list() == sorted(V4)
    told = {row["name"]: row for row in kept.iter_rows(named=True)}
    assert told["rsi_14"]["nulls"] == 1.0
    assert told["spread_pct"]["psi_worst_month"] in ("2026-03", "2026-04")  # there and back
    assert told["volume_ratio"]["bits"] > told["volume_ratio"]["floor"]
    said = metadata(result, "feature_report")
    assert "- Without any value: `rsi_14`." in said["notes"]
    assert all(f"| `{name}` |" in said["features"] for name in V4)
    for plot in ("importance", "drift", "correlation"):
        assert "](data:image/svg+xml;base64," in said[plot]
    assert said["null_share"] == pytest.approx(kept["nulls"].mean())
    assert said["moved_much"] == kept.filter(pl.col("psi") > 0.25).height >= 1
    assert said["above_the_floor"] == kept.filter(pl.col("bits") > pl.col("floor")).height >= 1
    assert said["features_sha256"] == world.lake.fingerprint("features", KEYS).sha256
    assert Path(said["report"]) == page(world).resolve()
    text = page(world).read_text()
    assert "Features of BTC-USD 1h" in text
    assert all(f"<tr id='{name}'>" in text for name in V4)


def test_nothing_is_written_without_features(world: World, tables: Tables) -> None:
    _, bars = tables
    world.lake.replace_months("bars", bars, KEYS)
    missing = report(world)
    assert not missing.success
    assert "MissingData: table 'features' has nothing for symbol=BTC-USD, timeframe=1h" in why(missing)
    world.lake.replace_months("features", tables[0].head(0), KEYS)
    world.lake.replace_months("bars", bars.head(0), KEYS)
    assert not report(world).success
    assert not world.lake.exists("feature_report", KEYS)
    assert not page(world).exists()


def test_features_that_lag_behind_their_bars_leave_the_old_report(world: World, tables: Tables) -> None:
    store(world, tables)
    assert report(world).success
    before = page(world).read_bytes(), world.lake.fingerprint("feature_report", KEYS)
    features, _ = tables
    world.lake.replace_months("features", features.head(-1), KEYS)
    late = report(world)
    assert "must hold the open times of its bars" in why(late)
    assert (page(world).read_bytes(), world.lake.fingerprint("feature_report", KEYS)) == before


def test_importance_knows_nothing_of_the_hold_out(world: World, tables: Tables) -> None:
    """One day of hold-out (world.REST) and a label of six hours that is known when bar t + 7 has opened."""
    store(world, tables)
    found = labelled(pinned(world.lake, KEYS, "always"), "1h", world.settings)
    end = tables[1]["open_time"][-1] + timedelta(hours=1)
    assert found.horizon == 6
    assert found.rows["open_time"].max() == end - timedelta(days=1) - timedelta(hours=8)
    assert found.rows["label"].null_count() == 0


def test_it_blocks_nothing_and_nothing_is_made_of_it(world: World) -> None:
    graph = world.research.resolve_asset_graph()
    node = graph.get(dg.AssetKey("feature_report"))
    assert {key.to_user_string() for key in node.parent_keys} == {"features", "bars"}
    assert not node.child_keys
    assert not node.check_keys
    assert node.group_name == "features"


def test_the_catalogue_is_shown_at_the_features(world: World) -> None:
    shown = world.research.resolve_asset_graph().get(dg.AssetKey("features")).metadata["catalogue"]
    assert isinstance(shown, dg.MarkdownMetadataValue)
    assert all(f"| `{one.name}` |" in (shown.md_str or "") for one in catalogue())
