"""The cohort group in the features asset: there where cohorts can form, absent with a reason where they cannot."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.cohort_group import flow_of
from pipelines.features import feature_set
from pipelines.market.schemas import FIRST_SEEN
from resources.lake import Lake
from tests.assets.world import World, metadata, toml, why
from tests.pipelines.market.wallets.makers import candles, crowd, fills

SYMBOL = "BTC-USD"
DAYS = 40
COHORTS = feature_set("meta17_cohorts").names
UNIVERSE = """
[universe]
start = 2026-01-01
end = 2026-02-10
timeframes = ["5m", "1h"]
windows = ["seq500h"]
"""


def told(frame: pl.DataFrame) -> pl.DataFrame:
    """CANDLES as a local file gives them."""
    extra = {"seen_at": None, "origin": "candle", "market": f"synthetic.{SYMBOL}"}
    new = (pl.lit(value, FIRST_SEEN[name]).alias(name) for name, value in extra.items())
    return frame.with_columns(new).select(list(FIRST_SEEN))


def hourly(five: pl.DataFrame) -> pl.DataFrame:
    return five.group_by_dynamic("open_time", every="1h").agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Candles of five minutes and of hours of forty days."""
    with dg.DagsterInstance.ephemeral() as instance:
        made = World(tmp_path_factory.mktemp("cohorts"), instance, toml((SYMBOL,), universe=UNIVERSE))
        prices = candles(DAYS)
        for timeframe, frame in (("5m", prices), ("1h", hourly(prices))):
            keys = {"symbol": SYMBOL, "timeframe": timeframe}
            made.lake.replace_months("candles", told(frame), keys)
        yield made


def features(world: World, timeframe: str) -> tuple[pl.DataFrame, str]:
    """The features of a timeframe and what their metadata say of the cohorts."""
    run = world.run("build_bars_and_features", f"{SYMBOL}|{timeframe}")
    assert run.success, why(run)
    table = world.lake.read("features", {"symbol": SYMBOL, "timeframe": timeframe})
    return table, metadata(run, "features")["cohorts"]


def keep(lake: Lake, wallets: int) -> None:
    lake.replace_months("wallet_fills", fills(candles(DAYS), crowd(wallets)), {"symbol": SYMBOL})


def test_absent_without_fills_absent_with_too_few_wallets_and_there_with_enough(world: World) -> None:
    table, note = features(world, "5m")
    assert note == "absent: no wallet_fills are stored; materialize them where the source has fills"
    assert not set(COHORTS) & set(table.columns)

    keep(world.lake, 9)
    table, note = features(world, "5m")
    assert note == "absent: 9 wallets, 9 eligible: no cohort can be formed; expected at least 10"
    assert not set(COHORTS) & set(table.columns)

    keep(world.lake, 24)
    five, note = features(world, "5m")
    assert note.startswith("on 10 of 40 days; on the others 24 wallets, 0 eligible: no cohort can be formed")
    assert five.columns[-3:] == list(COHORTS)
    known = five.drop_nulls("S_top")
    assert known["open_time"][0] == datetime(2026, 2, 3, 16, 25, tzinfo=UTC)  # row 1,061 from 31 January on
    assert known.height == five.filter(pl.col("open_time") >= known["open_time"][0]).height
    assert known["S_top"].abs().max() > 0
    assert known.filter((pl.col("S_top") - pl.col("S_bot") - pl.col("flow_diff")).abs() > 0).is_empty()

    hours, note = features(world, "1h")
    assert note.startswith("on 10 of 40 days")
    last = known.with_columns(pl.col("open_time").dt.truncate("1h")).group_by("open_time").last()
    both = hours.drop_nulls("S_top").join(last, on="open_time", suffix="_five")
    assert both.height == hours["S_top"].count() > 100
    for name in COHORTS:
        assert both[name].equals(both[f"{name}_five"].rename(name))


def test_minutes_have_no_cohorts_and_bars_without_five_minutes_say_so(world: World, tmp_path: Path) -> None:
    minutely = {"symbol": SYMBOL, "timeframe": "1m"}
    assert flow_of(world.lake, world.settings, minutely) == (
        None,
        "absent: not defined on 1m bars; bars of five minutes and longer have it",
    )
    lake = Lake(tmp_path)
    keep(lake, 24)
    flow, note = flow_of(lake, world.settings, {"symbol": SYMBOL, "timeframe": "1h"})
    assert flow is None
    assert note.startswith("absent: no ticks and no candles for 5m bars")
