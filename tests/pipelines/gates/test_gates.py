"""Each gate on scorecards made by hand, the policy's refusals, and what is said with too little evidence."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.errors import BadSettings, UnknownName
from pipelines.evaluation.scorecard import Scorecard
from pipelines.gates.catalogue import catalogue
from pipelines.gates.declaration import LeakAudit, Thresholds
from pipelines.gates.policy import GatePolicy
from pipelines.gates.verdicts import promotable, verdicts

ALL = ("G1", "G3", "G6", "G10", "G12", "effective_sample")


@pytest.fixture
def good(markets, normal, judge) -> Scorecard:
    market = markets(1, edge=0.2)
    return judge(market, normal(market.ahead, np.sqrt(1 - 0.2**2)))


def changed(scorecard: Scorecard, **figures: dict) -> Scorecard:
    new = tuple(replace(one, **figures.get(one.name, {})) for one in scorecard.figures)
    return replace(scorecard, figures=new)


@pytest.mark.parametrize(
    ("gate", "figures"),
    [
        ("G1", {"log_skill": {"lower": 0.0}}),
        ("G1", {"direction_skill": {"lower": -0.001}}),
        ("G1", {"direction_skill": {"lower": None}}),
        ("G3", {"balanced_accuracy": {"lower": 1 / 3}}),
        ("G3", {"matthews": {"lower": 0.0}}),
        ("G6", {"daily_return": {"lower": 0.0}}),
        ("G6", {"profit_factor_stressed": {"value": 1.0}}),
        ("G6", {"trades": {"value": 0.0}, "profit_factor_stressed": {"value": None}}),
        ("G10", {"track_needed": {"value": 37.0}}),
        ("G10", {"track_needed": {"value": None}}),
        ("G12", {"balanced_accuracy": {"value": 0.421}}),
        ("G12", {"log_skill": {"value": 0.031}}),
    ],
)
def test_one_bad_figure_fails_its_gate_alone(good: Scorecard, gate: str, figures: dict) -> None:
    found = {v.gate: v for v in verdicts(changed(good, **figures), GatePolicy())}
    assert {name for name in ALL if not found[name].passed} == {gate}
    assert not promotable(found.values())


def test_every_verdict_says_why_with_numbers(good: Scorecard) -> None:
    for verdict in verdicts(good, GatePolicy()):
        assert verdict.required == (verdict.gate in ALL)
        assert any(letter.isdigit() for letter in verdict.sentence)
        assert verdict.sentence.endswith(".")


def test_an_audit_answers_the_alarm_of_its_own_bundle_only(good: Scorecard) -> None:
    alarmed = changed(good, log_skill={"value": 0.05})
    for bundle, passed in ((good.subject.bundle, True), ("0" * 64, False)):
        audit = LeakAudit(bundle, "A. Person", "audits/7.md")
        policy = GatePolicy(thresholds=Thresholds(leak_audits=(audit,)))
        found = {v.gate: v for v in verdicts(alarmed, policy)}["G12"]
        assert found.passed is passed
        assert ("A. Person" in found.sentence) is passed


def test_guide_pair_stands_beside_doing_nothing(good: Scorecard) -> None:
    lucky = changed(good, accuracy={"value": 0.97, "baseline": 0.98}, calibration_error={"value": 0.01})
    found = {v.gate: v for v in verdicts(lucky, GatePolicy())}["guide_v5"]
    assert found.passed
    assert not found.required
    assert "doing nothing scores 98.00 %" in found.sentence


def test_too_little_evidence_is_said_and_no_figure_shown(markets, normal, judge) -> None:
    market = markets(1, bars=500, edge=0.2)
    scorecard = judge(market, normal(market.ahead, 0.98))
    assert scorecard.n_eff < 30
    assert all(one.value is one.lower is one.upper is one.baseline is None for one in scorecard.figures)
    assert scorecard.equity == scorecard.reliability == ()
    found = verdicts(scorecard, GatePolicy())
    assert not any(verdict.passed for verdict in found)
    said = f"n_eff {int(scorecard.n_eff)} of"
    assert all("ot enough evidence" in v.sentence and said in v.sentence for v in found)


def test_policies_refuse_what_cannot_be_meant() -> None:
    with pytest.raises(UnknownName, match="G99"):
        GatePolicy(required=("G1", "G99"))
    with pytest.raises(UnknownName, match="luck"):
        GatePolicy(advisory=("luck",))
    with pytest.raises(BadSettings, match="anything"):
        GatePolicy(required=())
    with pytest.raises(BadSettings, match="both"):
        GatePolicy(required=("G1",), advisory=("G1",))
    assert not promotable(())


def test_every_gate_file_is_found() -> None:
    assert set(catalogue()) == {*ALL, "guide_v5"}
    strict = GatePolicy(name="guides", required=("guide_v5",), advisory=ALL)
    assert strict.required == ("guide_v5",)
