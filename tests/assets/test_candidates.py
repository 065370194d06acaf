"""Candidates, scorecards and pointers: a refusal is a result, and nothing is promoted without proof of its own."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assets.promotion import judged
from assets.scorecards import as_record
from pipelines.gates.declaration import Verdict
from tests.assets.world import World, checks, materialised, metadata, why
from tests.assets.zoo import SLOT, Zoo

MINUTE = "BTC-USD|1m"
MINUTE_SLOT = "boosted_trees/BTC-USD/1m"


@pytest.fixture
def refused(world: World) -> World:
    """Three days of minutes: not one independent label for a test after ten hours of training."""
    assert world.run("ingest_candles", MINUTE).success
    assert world.run("build_bars_and_features", MINUTE).success
    assert not world.run("build_sequences", "BTC-USD|seq300").success
    return world


def test_too_little_data_is_a_green_run_with_a_red_check(refused: World) -> None:
    result = refused.run("retrain_boosted_trees", MINUTE)
    assert result.success
    assert materialised(result) == {"boosted_trees", "scorecard/boosted_trees"}
    assert checks(result) == {"is_promotable": False}
    sentence = metadata(result, "boosted_trees")["refused"]
    assert sentence.startswith("not enough evidence: n_eff ")
    card = metadata(result, "scorecard/boosted_trees")
    assert card["promotable"] is False
    assert sentence in card["reasons"]
    assert refused.registry.candidate(MINUTE_SLOT) == {"refused": sentence, "kind": "effective_sample"}
    stored = json.loads(refused.registry.load_scorecard(MINUTE_SLOT) or b"")
    assert stored["scorecard"] is None  # no skill figure of too little evidence is ever shown
    assert [(v["gate"], v["passed"]) for v in stored["verdicts"]] == [("effective_sample", False)]


def test_a_refused_window_is_a_green_run_too(refused: World) -> None:
    result = refused.run("retrain_timing", "seq300")
    assert result.success
    assert checks(result) == {"is_promotable": False}
    said = metadata(result, "timing")["refused"]
    assert re.match(
        r"not enough evidence: every seq300 dataset was refused: BTC-USD\|seq300 at a horizon of 60 bars: n_eff \d+ of "
        r"30 in test and \d+ of 100 in training; bring more history or shorten the horizon\.$",
        said,
    )


def test_a_window_without_sequences_is_refused_not_broken(world: World) -> None:
    result = world.run("retrain_timing", "seq500h")
    assert result.success
    assert checks(result) == {"is_promotable": False}
    assert "seq500h" in metadata(result, "timing")["refused"]


def test_a_refused_candidate_is_not_promoted(refused: World) -> None:
    assert refused.run("retrain_boosted_trees", MINUTE).success
    result = refused.run("promote_boosted_trees", MINUTE)
    assert not result.success
    assert f"NotPromotable: slot {MINUTE_SLOT} has no bundle to promote: not enough evidence" in why(result)
    assert refused.registry.read(MINUTE_SLOT) == (None, ())


def test_nothing_is_promoted_before_it_was_trained(world: World) -> None:
    assert "MissingData: slot boosted_trees/BTC-USD/1h has no candidate" in why(
        world.run("promote_boosted_trees", "BTC-USD|1h")
    )


def test_nothing_is_promoted_before_it_was_judged(world: World, zoo: Zoo) -> None:
    zoo.keep(world)
    result = world.run("promote_boosted_trees", "BTC-USD|1h")
    assert f"MissingData: slot {SLOT} has no scorecard" in why(result)


def passing(world: World) -> list[Verdict]:
    """A pass of every required gate."""
    return [
        Verdict(gate, gate, True, True, None, 1.0, 0.5, "", f"{gate} passes")
        for gate in world.settings.gates.required
    ]


def scorecard(world: World, bundle: str, found: list[Verdict]) -> str:
    """Store a scorecard of those verdicts on that bundle."""
    candidate = {"bundle": bundle, "mlflow_run_id": "run"}
    record = as_record("boosted_trees", "BTC-USD|1h", candidate, None, found, world.settings)
    record["scorecard"] = {"end": "2026-02-01T00:00:00+00:00"}
    return world.registry.save_scorecard(SLOT, json.dumps(record, sort_keys=True).encode())


def test_a_candidate_whose_required_verdicts_pass_is_promoted_once(world: World, zoo: Zoo) -> None:
    """A second run of the same bundle leaves the generation, and with it what can be rolled back to."""
    zoo.keep(world)
    scorecard(world, zoo.sha256, passing(world))
    for _ in range(2):
        result = world.run("promote_boosted_trees", "BTC-USD|1h")
        assert result.success
        assert metadata(result, "promoted/boosted_trees")["generation"] == 1
    found, notes = world.registry.read(SLOT)
    assert notes == ()
    assert found is not None
    assert (found.sha256, found.generation, found.mlflow_run_id) == (zoo.sha256, 1, "run")
    assert found.feature_columns == zoo.candidate.bundle.manifest.features
    assert [v["gate"] for v in found.verdicts] == list(world.settings.gates.required)
    assert json.loads(json.dumps(found.verdicts)) == [asdict(v) for v in passing(world)]


def test_the_evidence_ends_when_the_last_judged_label_was_known(world: World, zoo: Zoo) -> None:
    """The last judged bar closed at midnight; its label looks from the next open h hours ahead, to that close."""
    zoo.keep(world)
    scorecard(world, zoo.sha256, passing(world))
    assert world.run("promote_boosted_trees", "BTC-USD|1h").success
    found = world.registry.read(SLOT).pointer
    assert found is not None
    known = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(hours=zoo.candidate.bundle.manifest.horizon + 1)
    assert found.training_meta["evidence_end"] == known.isoformat()


def test_a_promotion_that_another_overtook_while_it_judged_is_refused(
    world: World, zoo: Zoo, later_zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    later_zoo.keep(world)
    zoo.keep(world)
    scorecard(world, zoo.sha256, passing(world))

    def overtaken(*arguments: Any) -> Any:
        later_zoo.promote(world)
        zoo.keep(world)
        return judged(*arguments)

    monkeypatch.setattr("assets.promotion.judged", overtaken)
    result = world.run("promote_boosted_trees", "BTC-USD|1h")
    assert f"NotPromotable: slot {SLOT} moved on: expected generation 0, found 1" in why(result)
    found = world.registry.read(SLOT).pointer
    assert found is not None
    assert found.sha256 == later_zoo.sha256


def one_fails(verdicts: list[Verdict]) -> list[Verdict]:
    return [*verdicts[:-1], Verdict(**{**asdict(verdicts[-1]), "passed": False, "value": 0.1})]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (one_fails, "effective_sample failed with 0.1 against 0.5"),
        (lambda verdicts: verdicts[1:], "G1 gave no verdict"),
        (lambda verdicts: [], "G1 gave no verdict; effective_sample gave no verdict"),
    ],
    ids=["one fails", "one is missing", "none was given"],
)
def test_the_pointer_refuses_by_itself(
    world: World, zoo: Zoo, change: Callable[[list[Verdict]], Any], sentence: str
) -> None:
    """Launched by hand, without the sensor and without its scorecard in the run."""
    zoo.keep(world)
    scorecard(world, zoo.sha256, change(passing(world)))
    result = world.run("promote_boosted_trees", "BTC-USD|1h")
    assert not result.success
    assert "NotPromotable" in why(result)
    assert sentence in why(result)
    assert world.registry.read(SLOT).pointer is None


def test_a_scorecard_of_another_bundle_promotes_nothing(world: World, zoo: Zoo) -> None:
    zoo.keep(world)
    scorecard(world, "0" * 64, passing(world))
    result = world.run("promote_boosted_trees", "BTC-USD|1h")
    assert (
        f"NotPromotable: scorecard belongs to another bundle: expected {zoo.sha256}, found {'0' * 64}"
        in why(result)
    )
    assert world.registry.read(SLOT).pointer is None
