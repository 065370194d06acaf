"""What is kept of a fit: one bundle with its own forecasts, every trial counted, the same inputs the same evidence."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets.pinned import pinned, tables_of
from assets.scorecards import judge
from pipelines.errors import BadData
from pipelines.evaluation.scorecard import Scorecard
from pipelines.market.coverage import coverage, span_of
from pipelines.market.schemas import EVIDENCE
from pipelines.models import trees
from pipelines.models.evidence import Lopsided
from resources.datasets import Datasets
from resources.registry import Registry
from resources.tracking import Tracking
from tests.assets.world import World, enough, keep_features, metadata, toml, why
from tests.pipelines.models.conftest import market  # noqa: F401  (a fixture)

HOUR = "BTC-USD|1h"
KEYS = {"symbol": "BTC-USD", "timeframe": "1h"}
SLOT = "boosted_trees/BTC-USD/1h"


@pytest.fixture
def hours(world: World, market: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> World:  # noqa: F811
    """2,700 hours in the lake, and a tracking that only numbers its runs."""
    features, bars = market(2700, edge=0.5)
    world.lake.replace_months("bars", bars, KEYS)
    keep_features(world.lake, features, KEYS)
    world.lake.replace("coverage", ledger(bars), KEYS)
    runs = iter(range(100))
    monkeypatch.setattr(Tracking, "record", lambda *_, **__: f"run {next(runs)}")
    return world


def ledger(bars: pl.DataFrame) -> pl.DataFrame:
    """COVERAGE of bars without a hole."""
    span = span_of(bars, "1h")
    assert span is not None
    return coverage(span, bars, pl.DataFrame(schema=EVIDENCE), "1h")


def other(world: World) -> World:
    """The same world with another configuration."""
    return World(world.root, world.instance, toml().replace("rounds = 5", "rounds = 6"))


def train(world: World) -> dict[str, Any]:
    """Train and judge; what the scorecard asset said."""
    result = world.run("retrain_boosted_trees", HOUR)
    assert result.success
    return metadata(result, "scorecard/boosted_trees")


def judged(world: World) -> Scorecard:
    sha256 = world.registry.candidate(SLOT)["bundle"]
    return judge("boosted_trees", HOUR, sha256, world.lake, world.registry, world.settings)


def fail(*_: Any, **__: Any) -> None:
    raise RuntimeError("killed")


def test_a_kill_before_the_forecasts_leaves_the_old_pair(
    hours: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(hours)
    before = judged(hours)
    monkeypatch.setattr(Tracking, "record", fail)
    assert "killed" in why(other(hours).run("retrain_boosted_trees", HOUR))
    after = judged(hours)
    assert after.subject == replace(before.subject, trials=2)  # the fit that was lost was still a try
    assert after.equity == before.equity


def test_a_kill_before_the_candidate_is_refused_and_never_mixed(
    hours: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(hours)
    old = hours.registry.candidate(SLOT)["bundle"]
    with monkeypatch.context() as patched:
        patched.setattr(Registry, "save_candidate", fail)
        assert "killed" in why(other(hours).run("retrain_boosted_trees", HOUR))
    (new,) = hours.lake.read("forecasts", {"recipe": "boosted_trees", "slot": "BTC-USD.1h"})[
        "bundle"
    ].unique()
    assert new != old
    with pytest.raises(BadData, match=f"made by the candidate's bundle {old}, found {new}; train it again"):
        judged(hours)
    train(hours)
    assert judged(hours).subject.bundle == old


def test_every_configuration_that_was_tried_tightens_the_bound(hours: World) -> None:
    train(hours)
    levels = [(judged(hours).subject.trials, judged(hours).figure("log_skill").level)]
    train(other(hours))
    levels.append((judged(hours).subject.trials, judged(hours).figure("direction_skill").level))
    assert levels == [(1, 0.99), (2, pytest.approx(0.995))]
    stored = json.loads(hours.registry.load_scorecard(SLOT) or b"")
    assert stored["scorecard"]["subject"]["trials"] == 2
    assert "99.500" in next(v["sentence"] for v in stored["verdicts"] if v["gate"] == "G1")


def test_a_ledger_that_was_cut_short_judges_nothing(hours: World) -> None:
    train(hours)
    train(other(hours))
    path = hours.registry.root / "trials" / "boosted_trees" / "BTC-USD" / "1h.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(BadData, match="the ledger was cut short"):
        judged(hours)


def test_the_same_data_twice_is_the_same_scorecard(hours: World) -> None:
    """Its hash is the gate sensor's run key: a retraining without news launches no second promotion."""
    first, second = train(hours), train(hours)
    assert first["scorecard_sha256"] == second["scorecard_sha256"]
    assert hours.registry.candidate(SLOT)["mlflow_run_id"] == "run 1"
    stored = json.loads(hours.registry.load_scorecard(SLOT) or b"")
    assert stored["candidate"] == {"bundle": hours.registry.candidate(SLOT)["bundle"]}
    assert stored["costs"]["fee_bps"] == hours.settings.costs.fee_bps
    assert stored["thresholds"]["minimum_effective"] == 30.0
    assert first["world"] == "world"


def test_too_few_of_a_class_is_told_from_too_few_labels(
    hours: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(hours)
    trial = hours.registry.candidate(SLOT)["trial"]

    def refuse(*_: Any, **__: Any) -> None:
        raise Lopsided("not enough evidence of every class: UP 3 %.")

    monkeypatch.setattr(trees, "fit_boosted_trees", refuse)
    train(hours)
    (verdict,) = json.loads(hours.registry.load_scorecard(SLOT) or b"")["verdicts"]
    assert (verdict["gate"], verdict["unit"]) == ("class_balance", "share of training rows")
    assert hours.registry.candidate(SLOT)["trial"] == trial  # a refusal does not loosen the ledger


def test_other_bars_are_other_data(hours: World) -> None:
    before = pinned(hours.lake, KEYS, "always")
    dearer = before.bars.with_columns(pl.col("open", "high", "low", "close") * 1.01)
    hours.lake.replace_months("bars", dearer, KEYS)
    keep_features(hours.lake, before.features, KEYS)  # as if they had been made again, and were the same
    after = pinned(hours.lake, KEYS, "always")
    assert after.features.equals(before.features)
    assert after.sha256 != before.sha256
    again = pinned(hours.lake, KEYS, "always", *(receipt.version for receipt in before.receipts))
    assert again.sha256 == before.sha256
    assert again.bars.equals(before.bars)


def test_features_of_other_bars_train_nothing(hours: World) -> None:
    """The same open times with one price corrected in the last month: the features there are of the old price."""
    bars = hours.lake.read("bars", KEYS)
    last = pl.col("open_time") == bars["open_time"][-1]
    corrected = bars.with_columns(close=pl.when(last).then(pl.col("close") * 1.001).otherwise("close"))
    hours.lake.replace_months("bars", corrected, KEYS)
    said = why(hours.run("retrain_boosted_trees", HOUR))
    assert (
        "BadData: features of BTC-USD 1h must be made of its bars and hours as they are stored and by the"
        in said
    )
    assert f", in {bars['open_time'][-1]:%Y-%m}; materialize `features` again." in said


def test_features_that_lag_behind_their_bars_train_nothing(hours: World) -> None:
    features = hours.lake.read("features", KEYS)
    hours.lake.replace_months("features", features.head(2600), KEYS)
    result = hours.run("retrain_boosted_trees", HOUR)
    assert "BadData: features of BTC-USD 1h must hold the open times of its bars, found 2600 rows" in why(
        result
    )


def test_a_dataset_names_its_bars(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """Bars that are corrected after the sequences were cut do not change what is trained."""
    world = World(tmp_path, instance, enough())
    assert world.run("ingest_candles", "BTC-USD|1m").success
    assert world.run("build_bars_and_features", "BTC-USD|1m").success
    assert world.run("build_sequences", "BTC-USD|lstm60").success
    dataset = Datasets(world.root / world.settings.paths.datasets).open("BTC-USD", "lstm60")
    minutes = {"symbol": "BTC-USD", "timeframe": "1m"}
    bars = world.lake.read("bars", minutes)
    world.lake.replace_months("bars", bars.with_columns(pl.col("open") * 1.01), minutes)
    assert tables_of(world.lake, "BTC-USD", dataset, "always").bars.equals(bars)
    for table in ("features", "bars"):
        with pytest.raises(BadData, match=f"{table} of BTC-USD at version .* must hash to 00"):
            tables_of(world.lake, "BTC-USD", replace(dataset, **{f"{table}_sha256": "00"}), "always")
