"""Hourly context from end to end: stored beside quarters of an hour, trained on, and the same in the paper session.

An hour that is not over moves no row, however it ends; and where hours are missing nothing is traded on a guess.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets.beside import BEFORE
from assets.obedience import Obeyed
from assets.paper import config_of, trade
from assets.paper_feed import forecasts_of, read_beside
from assets.pinned import pinned
from pipelines.errors import BadData, BadSettings
from pipelines.features import best_set, compute, feature_set
from pipelines.market.calendars import closing_sessions
from pipelines.market.schemas import BARS
from pipelines.market.timeframes import GRACE
from pipelines.models.forecaster import load
from pipelines.models.trees import TreesConfig, fit_boosted_trees
from pipelines.promotion.bundle import Bundle
from pipelines.sequences.volatility import with_sigma
from pipelines.settings import parse
from pipelines.trading.session import SessionConfig
from resources.journal import Journal
from resources.progress import LogProgress
from tests.assets.paper_books import books
from tests.assets.test_cohort_features import hourly, told
from tests.assets.test_paper_resume import At
from tests.assets.world import REST, SYNTHETIC, World, metadata, toml, why
from tests.assets.zoo import Zoo
from tests.pipelines.features import makers
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


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        made = World(tmp_path_factory.mktemp("hours"), instance, SETTINGS)
        record(made, candles(DAYS))
        yield made


def built(world: World, timeframe: str = "15m") -> dg.ExecuteInProcessResult:
    return world.run("build_bars_and_features", f"{SYMBOL}|{timeframe}")


@pytest.fixture(scope="module")
def stored(world: World) -> pl.DataFrame:
    """Features of quarters, made after the hours."""
    assert built(world, "1h").success
    result = built(world)
    assert result.success, why(result)
    assert metadata(result, "features")["set"] == "v4_hours"
    assert metadata(result, "features")["absent"].keys() == {"funding"}
    return world.lake.read("features", QUARTERS)


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


def model_of_hours() -> Any:
    """A pointer's model that reads hours alone, as far as its feed looks at it."""
    return SimpleNamespace(
        forecaster=SimpleNamespace(manifest=SimpleNamespace(features=HOURS, timeframe="15m"))
    )


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
        assert pinned(other.lake, QUARTERS).features.equals(first)

        judged = other.lake.read("data_quality", HOURLY)
        sha, version = (
            getattr(other.lake.fingerprint("bars", HOURLY), name) for name in ("sha256", "version")
        )
        again = judged.with_columns(bars_sha256=pl.lit(sha), bars_version=pl.lit(version, pl.Int64))
        other.lake.replace("data_quality", again, HOURLY)
        with pytest.raises(BadData, match="made of its bars and hours as they are stored"):
            pinned(other.lake, QUARTERS)
        assert built(other).success
        assert not pinned(other.lake, QUARTERS).features["hour_mom_1"].equals(first["hour_mom_1"])


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


def test_hourly_context_needs_hours_among_the_timeframes() -> None:
    with pytest.raises(BadSettings, match="names hourly context, made of 1h bars"):
        parse(SETTINGS.replace('"15m", "1h"]', '"15m"]').replace('"seq500h"', ""), {}, "test")


def trained(world: World) -> Zoo:
    """On the candles as they were recorded first; the last eight days are left to the session."""
    record(world, candles(DAYS))
    assert built(world, "1h").success
    assert built(world).success
    tables = pinned(world.lake, QUARTERS)
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
