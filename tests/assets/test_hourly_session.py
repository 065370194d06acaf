"""Hourly context in a paper session: the numbers of training, waited for, and where they are missing no guess."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets.beside import BEFORE
from assets.paper import config_of, trade
from assets.paper_feed import forecasts_of, read_beside
from pipelines.features import compute, feature_set
from pipelines.market.calendars import closing_sessions
from pipelines.market.schemas import BARS
from pipelines.sequences.volatility import with_sigma
from pipelines.trading.session import SessionConfig
from resources.journal import Journal
from resources.progress import LogProgress
from tests.assets.hourly_world import (
    HOUR,
    HOURLY,
    HOURS,
    QUARTER,
    QUARTERS,
    SYMBOL,
    UNIVERSE,
    features_of_quarters,
    hourly_world,
    model_of_hours,
    promoted,
    quarters,
    trained,
)
from tests.assets.paper_books import books
from tests.assets.test_cohort_features import hourly, told
from tests.assets.test_paper_resume import At
from tests.assets.world import REST, SYNTHETIC, World, metadata, toml, why
from tests.pipelines.features import makers
from tests.pipelines.market.wallets.makers import candles


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield hourly_world(tmp_path_factory.mktemp("hours"), instance)


@pytest.fixture(scope="module")
def stored(world: World) -> pl.DataFrame:
    return features_of_quarters(world)


def test_training_reads_hours_and_the_paper_session_sees_the_very_same(
    world: World, stored: pl.DataFrame
) -> None:
    zoo = trained(world)
    assert zoo.candidate.bundle.manifest.features == feature_set("v4_hours").names
    obeyed = promoted(world, zoo)
    config = config_of(world.settings.session("main"), {SYMBOL: obeyed}, world.settings)
    later = zoo.bars.filter(pl.col("open_time") >= zoo.trained_until - timedelta(days=9))
    read = read_beside(world.lake, world.settings, obeyed, SYMBOL, later)
    reach = feature_set("v5_hours").lookback * timedelta(minutes=1)
    assert read["hours"]["open_time"][0] <= later["open_time"][0] - reach, (
        "whatever the warm-up of the bars is"
    )
    live = forecasts_of(obeyed, SYMBOL, later, config, zoo.trained_until, read)
    card = zoo.candidate.bundle.manifest
    batch = obeyed.forecaster.forecast({SYMBOL: with_sigma(stored, zoo.bars, "15m", card.horizon)})
    assert live.height > 500
    assert live.equals(batch.filter(pl.col("open_time") >= zoo.trained_until))
    without = read | {"hours": read["hours"].clear()}
    assert forecasts_of(obeyed, SYMBOL, later, config, zoo.trained_until, without).is_empty()
    result = world.run("trade_on_paper", "main")
    assert result.success, why(result)
    assert metadata(result, "paper_session")["decisions"] == live.height


def test_each_symbol_reads_its_own_hours(tmp_path: Path) -> None:
    """Another symbol with other prices, in the features and in a paper session alike."""
    text = toml(
        (SYMBOL, "ETH-USD"), SYNTHETIC, UNIVERSE, REST.replace('timeframe = "1h"', 'timeframe = "15m"')
    )
    with dg.DagsterInstance.ephemeral() as instance:
        both, stored = World(tmp_path, instance, text), {}
        for seed, symbol in enumerate((SYMBOL, "ETH-USD")):
            prices, keys = candles(10, seed), {"symbol": symbol, "timeframe": "1h"}
            for timeframe, frame in (("1h", hourly(prices)), ("15m", quarters(prices))):
                own = told(frame).with_columns(market=pl.lit(f"synthetic.{symbol}"))
                both.lake.replace_months("candles", own, {"symbol": symbol, "timeframe": timeframe})
                run = both.run("build_bars_and_features", f"{symbol}|{timeframe}")
                assert run.success, why(run)
            stored[symbol] = both.lake.read("features", {**keys, "timeframe": "15m"})["hour_mom_1"]
            bars = both.lake.read("bars", {**keys, "timeframe": "15m"})
            read = read_beside(both.lake, both.settings, model_of_hours(), symbol, bars)["hours"]
            assert read.equals(both.lake.read("bars", keys))
            assert stored[symbol].equals(compute(bars, "15m", ["hour_mom_1"], hours=read)["hour_mom_1"])
        assert not stored[SYMBOL].equals(stored["ETH-USD"])


def test_a_session_whose_hours_are_gone_knows_none_of_their_features(
    world: World, stored: pl.DataFrame
) -> None:
    gone = read_beside(world.lake, world.settings, model_of_hours(), "SOL-USD", stored)
    assert gone["hours"].is_empty()
    assert compute(world.lake.read("bars", QUARTERS), "15m", HOURS, **gone)[HOURS[0]].count() == 0


def test_a_following_session_waits_for_the_hour_that_closed_with_its_bar(
    world: World, stored: pl.DataFrame
) -> None:
    """The quarter is there, its hour comes 20 s later: decided on then, with a forecast. Another quarter needs none."""
    zoo = trained(world)
    obeyed = promoted(world, zoo)
    hours, quarter = world.lake.read("bars", HOURLY), world.lake.read("bars", QUARTERS)
    close = zoo.trained_until + timedelta(days=1)
    close = close.replace(minute=0)

    def follow(name: str, now: datetime, clock: At) -> pl.DataFrame:
        world.lake.replace_months("bars", quarter.filter(pl.col("open_time") + QUARTER <= now), QUARTERS)
        terms = world.settings.session("main").model_copy(update={"mode": "follow"})
        settings = world.settings.model_copy(update={"sessions": (terms,)})
        config = config_of(terms, {SYMBOL: obeyed}, settings)
        with Journal(world.root / f"{name}.db", config) as journal:
            trade(journal, config, settings, world.lake, {SYMBOL: obeyed}, clock, LogProgress())
        return books(world.root / f"{name}.db")["decisions"]

    def hours_until(moment: datetime) -> None:
        world.lake.replace_months("bars", hours.filter(pl.col("open_time") + HOUR <= moment), HOURLY)

    hours_until(close - HOUR)
    clock = At(close, {close + timedelta(seconds=20): lambda: hours_until(close)})
    decided = follow("comes", close, clock)
    assert (decided["open_time"][-1], decided["late"][-1], clock.slept) == (close - QUARTER, False, 20.0)
    assert decided["expected"][-1] is not None

    hours_until(close - HOUR)
    clock = At(close)
    decided = follow("does not come", close, clock)
    assert (decided["open_time"][-1], clock.slept) == (close - 2 * QUARTER, pytest.approx(60.0, abs=0.5))
    later = follow("does not come", close, At(close + timedelta(minutes=2)))
    assert (later["open_time"][-1], later["late"][-1], later["expected"][-1]) == (close - QUARTER, True, None)

    hours_until(close)
    between = At(close + QUARTER)
    decided = follow("comes", close + QUARTER, between)
    assert (decided["open_time"][-1], decided["expected"][-1] is None, between.slept) == (close, False, 3.0)


def test_hours_of_a_market_that_closes_lie_in_sessions_too(stored: pl.DataFrame) -> None:
    """24/5: a paper session's hours begin days before its bars, and none of them is outside the sessions."""
    opens = [datetime(2026, 2, 2, tzinfo=UTC) + k * QUARTER for k in range(4 * 24 * 4)]
    bars = makers.bars(len(opens), "15m", seed=3).with_columns(
        open_time=pl.Series(opens, dtype=BARS["open_time"])
    )
    week = [datetime(2026, 1, 26, tzinfo=UTC) + k * HOUR for k in range(12 * 24)]
    hours = makers.bars(len(week), "1h", seed=4).with_columns(
        open_time=pl.Series(week, dtype=BARS["open_time"])
    )
    hours = hours.filter(pl.col("open_time").dt.weekday() <= 5)
    sessions = closing_sessions("24/5", week[0], opens[-1] + timedelta(days=1))
    whole = compute(bars, "15m", HOURS, hours=hours, sessions=sessions)
    until_an_hour_of_the_week_closes = 3
    assert (
        whole["hour_mom_3"].null_count()
        == whole["hour_mom_3"][:4].null_count()
        == until_an_hour_of_the_week_closes
    )
    asked: dict[str, pl.DataFrame] = {}
    card = SimpleNamespace(features=HOURS, timeframe="15m", horizon=4)
    forecaster = SimpleNamespace(manifest=card, forecast=lambda frames: asked.update(frames))
    known: Any = SimpleNamespace(forecaster=forecaster, calendar="24/5")
    recent = hours.filter(pl.col("open_time") >= opens[0] - BEFORE)
    forecasts_of(
        known, SYMBOL, bars, SessionConfig("main", (SYMBOL,), "15m", 4), opens[200], {"hours": recent}
    )
    assert asked[SYMBOL].select(HOURS)[200:].equals(whole.select(HOURS)[200:])
