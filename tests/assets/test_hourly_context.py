"""Hourly context stored beside quarters of an hour: of hours that had closed, as they were judged last.

An hour that is not over moves no row, however it ends. The paper session on it: test_hourly_session.py.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import polars as pl
import pytest

from assets.pinned import pinned
from pipelines.errors import BadData, BadSettings
from pipelines.features import compute
from pipelines.market.schemas import BARS
from pipelines.market.timeframes import GRACE
from pipelines.settings import parse
from tests.assets.hourly_world import (
    DAYS,
    HOUR,
    HOURLY,
    HOURS,
    QUARTER,
    QUARTERS,
    SETTINGS,
    SYMBOL,
    built,
    features_of_quarters,
    hourly_world,
    quarters,
    record,
)
from tests.assets.test_cohort_features import hourly, told
from tests.assets.world import World, metadata, why
from tests.pipelines.market.wallets.makers import candles


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield hourly_world(tmp_path_factory.mktemp("hours"), instance)


@pytest.fixture(scope="module")
def stored(world: World) -> pl.DataFrame:
    return features_of_quarters(world)


def test_a_quarter_has_the_features_of_the_hour_that_had_closed(stored: pl.DataFrame) -> None:
    """The hour is looked up by its number, row by row; nothing is known before fifty hours are."""
    names = [name.removeprefix("hour_") for name in HOURS]
    of_hours = compute(hourly(candles(DAYS)), "1h", names)
    by_open = {row[0]: row[1:] for row in of_hours.iter_rows()}
    for row in stored.select("open_time", *HOURS).sample(400, seed=1).iter_rows():
        newest = (row[0] + QUARTER).replace(minute=0) - HOUR
        assert row[1:] == by_open.get(newest, (None,) * len(HOURS)), row[0]
    first = stored.filter(pl.col("hour_close_sma_50_ratio").is_not_null())["open_time"][0]
    assert first == datetime(2026, 1, 3, 1, 45, tzinfo=UTC)
    assert stored.filter(pl.col("open_time") >= first).select(HOURS).null_count().sum_horizontal()[0] == 0


@pytest.mark.parametrize("minutes", [0, 15, 44, 59])
def test_an_hour_that_is_not_over_moves_nothing_however_it_ends(
    world: World, stored: pl.DataFrame, minutes: int
) -> None:
    """From some moment within an hour on, every hour that is not closed yet is another one."""
    now = datetime(2026, 1, 25, 12, minutes, tzinfo=UTC)
    hours = hourly(candles(DAYS))
    open_still = pl.col("open_time") + HOUR > now
    prices = [
        pl.when(open_still).then(pl.col(name) * 1.07).otherwise(name)
        for name in ("open", "high", "low", "close")
    ]
    world.lake.replace_months("candles", told(hours.with_columns(prices)), HOURLY)
    assert built(world, "1h").success
    result = built(world)
    assert result.success, why(result)
    other = world.lake.read("features", QUARTERS)
    past = pl.col("open_time") + QUARTER + GRACE < now.replace(minute=0) + HOUR
    assert other.filter(past).equals(stored.filter(past))
    # not only in the newest month, which is always made
    in_january = ~past & (pl.col("open_time").dt.month() == 1)
    assert not other.filter(in_january)["hour_mom_1"].equals(stored.filter(in_january)["hour_mom_1"])


def test_without_hours_the_context_is_absent_and_says_why(world: World) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        alone = World(world.root / "alone", instance, SETTINGS)
        alone.lake.replace_months("candles", told(quarters(candles(5))), QUARTERS)
        result = built(alone)
        assert result.success, why(result)
        assert metadata(result, "features")["absent"]["hours"] == f"no bars of {SYMBOL} 1h are stored"
        assert not set(HOURS) & set(alone.lake.read("features", QUARTERS).columns)


def test_hours_are_read_as_they_were_judged_last_and_training_knows_of_others(world: World) -> None:
    """Never judged: absent. Judged: read. Newer ones: not yet. Judged again: read, and older features are refused."""
    with dg.DagsterInstance.ephemeral() as instance:
        other = World(world.root / "unjudged", instance, SETTINGS)
        record(other, candles(5))
        hours = hourly(candles(5)).with_columns(origin=pl.lit("candle"))
        others = (pl.lit(None, kind).alias(n) for n, kind in BARS.items() if n not in hours.columns)
        other.lake.replace_months("bars", hours.with_columns(others).select(list(BARS)).cast(BARS), HOURLY)
        said = metadata(built(other), "features")["absent"]["hours"]
        assert said.startswith(f"bars of {SYMBOL}|1h were not judged: expected findings")

        assert built(other, "1h").success
        assert built(other).success
        first = other.lake.read("features", QUARTERS)
        assert first["hour_mom_1"].count() > 300
        newer = other.lake.read("bars", HOURLY).with_columns(close=pl.col("high"))
        other.lake.replace_months("bars", newer, HOURLY)
        assert built(other).success
        assert other.lake.read("features", QUARTERS).equals(first)
        assert pinned(other.lake, QUARTERS, "always").features.equals(first)

        judged = other.lake.read("data_quality", HOURLY)
        sha, version = (
            getattr(other.lake.fingerprint("bars", HOURLY), name) for name in ("sha256", "version")
        )
        again = judged.with_columns(bars_sha256=pl.lit(sha), bars_version=pl.lit(version, pl.Int64))
        other.lake.replace("data_quality", again, HOURLY)
        with pytest.raises(BadData, match="made of its bars and hours as they are stored"):
            pinned(other.lake, QUARTERS, "always")
        assert built(other).success
        assert not pinned(other.lake, QUARTERS, "always").features["hour_mom_1"].equals(first["hour_mom_1"])


def test_hourly_context_needs_hours_among_the_timeframes() -> None:
    with pytest.raises(BadSettings, match="names hourly context, made of 1h bars"):
        parse(SETTINGS.replace('"15m", "1h"]', '"15m"]').replace('"seq500h"', ""), {}, "test")
