"""Features that come a day or a bar at a time are those of one cold build, to the last bit, through the real lake."""

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from assets.features import made_now, wanted
from assets.increments import made_from, remember
from pipelines.features import compute, feature_set
from pipelines.features.continued import continued, reach
from pipelines.market.schemas import FUNDING
from resources.lake import Lake
from tests.assets.world import World
from tests.pipelines.features.test_laws import makers

KEYS = {"symbol": "BTC-USD", "timeframe": "1m"}
NAMES = feature_set("v5").names
STORED = wanted("1m", pl.DataFrame(schema=FUNDING))  # also those that remember thirty days
ROWS, RESTARTS = 100_000, 200  # 69 days: January, February and the first days of March


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    whole: pl.DataFrame = makers.bars(ROWS, seed=11, gaps=(40_000, 60_001))
    return whole


def materialise(lake: Lake, world: World, keys: Mapping[str, str] = KEYS) -> tuple[int, tuple[str, ...]]:
    """What the asset does, without its checks: rows made, and months rewritten."""
    made = made_now(lake, world.settings, keys)
    receipt = lake.replace_months("features", made.frame, keys, since=made.stale.since)
    remember(lake, keys, made.stale.inputs)
    return made.frame.height, receipt.changed


def test_a_session_killed_at_200_random_rows_goes_on_with_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, bars: pl.DataFrame
) -> None:
    """Nothing survives a restart but the lake: a new handle reads the bars within reach, and the next bar comes."""
    root = tmp_path_factory.mktemp("lake")
    Lake(root).replace_months("bars", bars, KEYS)
    whole = compute(bars, "1m", NAMES)
    for row in np.random.default_rng(3).choice(np.arange(1, ROWS), RESTARTS, replace=False).tolist():
        opened = bars["open_time"][row]
        past = Lake(root).read("bars", KEYS, opened - reach(NAMES, "1m"), opened)
        made = continued(past, bars.slice(row, 1), "1m", NAMES)
        assert made.equals(whole.slice(row, 1)), f"row {row}"


def test_day_by_day_is_the_cold_build_and_costs_its_month(world: World, bars: pl.DataFrame) -> None:
    lake = world.lake
    at = bars["open_time"][0] + timedelta(days=57)  # 27 February
    lake.replace_months("bars", bars.filter(pl.col("open_time") < at), KEYS)
    rows, changed = materialise(lake, world)
    assert (rows, changed) == (lake.row_count("bars", KEYS), ("month=2024-01", "month=2024-02"))
    for day in range(1, 6):
        now = bars.filter(pl.col("open_time") < at + timedelta(days=day))
        lake.replace_months("bars", now, KEYS)
        rows, changed = materialise(lake, world)
        month = f"{now['open_time'][-1]:%Y-%m}"
        assert changed == (f"month={month}",)
        assert rows == now.filter(pl.col("open_time").dt.strftime("%Y-%m") == month).height
    assert lake.read("features", KEYS).equals(compute(now, "1m", STORED))


def test_what_is_made_again_and_what_is_not(world: World, bars: pl.DataFrame) -> None:
    """Nothing changed: the newest month. A price of January: everything after it. A killed run: as if it never was."""
    lake = world.lake
    lake.replace_months("bars", bars, KEYS)
    materialise(lake, world)
    newest = bars.filter(pl.col("open_time").dt.month() == 3).height
    assert materialise(lake, world) == (newest, ())
    last_of_january = bars.filter(pl.col("open_time").dt.month() == 1)["open_time"][-1]
    repaired = bars.with_columns(
        close=pl.when(pl.col("open_time") == last_of_january).then(pl.col("close") * 1.01).otherwise("close")
    )
    lake.replace_months("bars", repaired, KEYS)
    made = made_now(lake, world.settings, KEYS)  # … and killed here: nothing was written
    assert made.stale.since == bars["open_time"][0]
    # one price reaches 275 bars into February; March is as it was
    assert materialise(lake, world) == (ROWS, ("month=2024-01", "month=2024-02"))
    assert lake.read("features", KEYS).equals(compute(repaired, "1m", STORED))
    lake.replace("features_made_from", made_from(lake, KEYS).head(1), KEYS)  # killed before it was remembered
    assert materialise(lake, world)[1] == ()


def test_another_formula_makes_every_month_again(
    world: World, bars: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = world.lake
    lake.replace_months("bars", bars, KEYS)
    materialise(lake, world)
    monkeypatch.setattr("assets.increments.fingerprint", lambda *_: "another formula")
    assert materialise(lake, world) == (ROWS, ())


def test_months_without_bars_lose_their_features(world: World, bars: pl.DataFrame) -> None:
    lake = world.lake
    lake.replace_months("bars", bars, KEYS)
    materialise(lake, world)
    for part in (
        bars.filter(pl.col("open_time").dt.month() < 3),
        bars.filter(pl.col("open_time").dt.month() == 2),
    ):
        lake.replace_months("bars", part, KEYS)
        materialise(lake, world)
        assert lake.read("features", KEYS).equals(compute(part, "1m", STORED))


def test_features_that_somebody_changed_are_made_again(world: World, bars: pl.DataFrame) -> None:
    lake = world.lake
    lake.replace_months("bars", bars, KEYS)
    materialise(lake, world)
    lake.replace_months("features", lake.read("features", KEYS).with_columns(rsi_14=pl.lit(50.0)), KEYS)
    materialise(lake, world)
    assert lake.read("features", KEYS).equals(compute(bars, "1m", STORED))
