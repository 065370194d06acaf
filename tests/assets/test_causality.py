"""is_causal on the real road: green with its figures, and red without a write when a feature reads one bar ahead."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from assets import causality
from assets.causality import NEWEST
from pipelines.features import Feature, averages, momentum, price, sets
from pipelines.features.block import Array, Block
from pipelines.features.declaration import feature
from pipelines.market.calendars import Calendar, closing_sessions
from tests.assets.world import World, checks, materialised, toml, why
from tests.pipelines.features import makers

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


def test_each_run_draws_its_cuts_by_its_newest_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    monkeypatch.setattr(causality, "declared_leaks", lambda *_, seed, **__: seeds.append(seed) or [])
    bars = makers.bars(300)
    for rows in (299, 300, 300):
        assert causality.causal(bars.head(rows), "1m", ["sma_7"], {}, None).passed
    assert seeds[1] == seeds[2] == seeds[0] + 1


XNYS = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize("leaking", [False, True])
def test_over_the_nights_of_a_market_that_closes_a_leak_is_seen(
    leaking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macd looks back on 276 bars and a session of XNYS has 78 of five minutes; without nights it is never known."""
    honest = momentum.macd.formula
    if leaking:
        ahead = Feature(**{**vars(momentum.macd), "formula": lambda x: np.append(honest(x)[1:], 0.0)})
        monkeypatch.setattr(momentum, "macd", ahead)
        sets.catalogue.cache_clear()
    opens = Calendar("XNYS").opens(*XNYS, "5m")
    bars = makers.bars(len(opens), "5m", seed=1).with_columns(open_time=opens)
    verdict = causality.causal(bars, "5m", ["macd", "sma_7"], {}, closing_sessions("XNYS", *XNYS))
    sets.catalogue.cache_clear()
    assert verdict.passed is not leaking
    assert verdict.metadata["never_known"].value == "none"
    assert ("macd reads the future" in verdict.metadata["found"].value) is leaking


def test_when_every_feature_leaks_within_a_session_all_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left to look at over the nights."""
    honest = averages.sma_7.formula
    ahead = Feature(**{**vars(averages.sma_7), "formula": lambda x: np.append(honest(x)[1:], 0.0)})
    monkeypatch.setattr(averages, "sma_7", ahead)
    sets.catalogue.cache_clear()
    opens = Calendar("XNYS").opens(*XNYS, "5m")
    bars = makers.bars(len(opens), "5m", seed=1).with_columns(open_time=opens)
    verdict = causality.causal(bars, "5m", ["sma_7"], {}, closing_sessions("XNYS", *XNYS))
    sets.catalogue.cache_clear()
    assert not verdict.passed
    assert verdict.metadata["leaks"].value == 1
    assert "sma_7 reads the future" in verdict.metadata["found"].value


def test_what_is_never_known_in_the_bars_that_are_looked_at_is_named() -> None:
    verdict = causality.causal(makers.bars(100), "1m", ["sma_7", "macd"], {}, None)
    assert verdict.passed
    assert verdict.metadata["never_known"].value == "macd"
