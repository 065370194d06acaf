"""Models that know nothing, or only volatility, are never promoted; one with a real edge is."""

from collections.abc import Callable

import numpy as np
import pytest

from pipelines.gates.declaration import Verdict
from pipelines.gates.policy import GatePolicy
from pipelines.gates.verdicts import promotable, verdicts

POLICY = GatePolicy()


def by_gate(scorecard) -> dict[str, Verdict]:
    return {verdict.gate: verdict for verdict in verdicts(scorecard, POLICY)}


def climatology(market) -> np.ndarray:
    return np.tile(np.bincount(market.label[:2000], minlength=3) / 2000, (market.label.size, 1))


def last_sign(market) -> np.ndarray:
    past = np.convolve(market.returns, np.ones(market.horizon))[: market.label.size]
    return np.where(past[:, None] > 0, [[0.25, 0.3, 0.45]], [[0.45, 0.3, 0.25]])


def sharpened(market, normal) -> np.ndarray:
    known = normal(market.ahead, 0.98) ** 6
    return known / known.sum(axis=1, keepdims=True)


def test_a_real_edge_is_promoted(markets, normal, judge) -> None:
    for seed in range(3):
        market = markets(seed + 1, edge=0.2)
        found = by_gate(judge(market, normal(market.ahead, np.sqrt(1 - 0.2**2))))
        assert promotable(found.values()), [v.sentence for v in found.values() if v.required and not v.passed]
        assert not found["guide_v5"].passed  # the earlier pair of gates refuses this edge


DISHONEST: dict[str, Callable] = {
    "constant": lambda market, normal: np.tile([0.5, 0.3, 0.2], (market.label.size, 1)),
    "one half": lambda market, normal: np.tile([0.35, 0.3, 0.35], (market.label.size, 1)),
    "majority": lambda market, normal: np.tile([0.0, 1.0, 0.0], (market.label.size, 1)),
    "climatology": lambda market, normal: climatology(market),
    "last sign": lambda market, normal: last_sign(market),
}


@pytest.mark.parametrize("name", DISHONEST)
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_ignorant_models_are_refused(name: str, seed: int, markets, normal, judge) -> None:
    market = markets(seed)
    found = by_gate(judge(market, DISHONEST[name](market, normal)))
    assert not promotable(found.values())
    assert not found["G1"].passed


def test_overconfidence_is_refused_even_with_an_edge_that_earns(markets, normal, judge) -> None:
    market = markets(1, edge=0.2)
    found = by_gate(judge(market, sharpened(market, normal)))
    assert found["G6"].passed
    assert not found["G1"].passed


def test_swapped_classes_are_named_inverted(markets, normal, judge) -> None:
    market = markets(1, edge=0.2)
    found = by_gate(judge(market, normal(market.ahead, 0.98)[:, ::-1]))
    assert not promotable(found.values())
    assert "inverted" in found["G1"].sentence


def test_a_volatility_forecaster_is_refused_for_the_right_reason(markets, normal, judge) -> None:
    refused = 0
    for seed in range(5):
        market = markets(seed, vol=0.6)
        scorecard = judge(market, normal(np.zeros(market.label.size), market.volatility))
        found = by_gate(scorecard)
        assert scorecard.figure("log_skill").lower > 0  # three-class skill is really there
        assert scorecard.figure("direction_skill").value <= 0  # and none of it is about direction
        assert not promotable(found.values())
        refused += "volatility and not an edge" in found["G1"].sentence
    assert refused == 5


def test_luckiest_of_five_hundred_is_refused_when_every_trial_is_counted(markets, judge) -> None:
    market = markets(7, bars=6000)  # a market on which the luckiest trial looks skilled
    random = np.random.default_rng(0)
    blocks = -(-market.label.size // market.horizon)
    known, base = market.label >= 0, np.tile([0.33, 0.34, 0.33], (market.label.size, 1))
    best, best_saved = base, -np.inf
    moved = (market.label[2400:] - 1) * known[2400:]
    moved = moved - moved.mean()
    for _ in range(500):  # the trial chosen on the very rows that judge it
        tilt = 0.015 * np.repeat(random.standard_normal(blocks), market.horizon)[: market.label.size]
        if (saved := float(moved @ tilt[2400:])) > best_saved:
            best_saved, best = saved, base + np.column_stack([-tilt, 0 * tilt, tilt])
    best = np.clip(best, 0.01, None)
    best /= best.sum(axis=1, keepdims=True)
    counted, hidden = (judge(market, best, trials=trials, cost=0.0) for trials in (500, 1))
    assert hidden.figure("direction_skill").lower > 0  # uncounted, luck looks like skill
    assert not by_gate(counted)["G1"].passed
    assert not promotable(verdicts(counted, POLICY))


def test_null_markets_pass_no_more_often_than_said(markets, normal, judge) -> None:
    passed = 0
    for seed in range(40):
        market = markets(100 + seed, bars=4000)
        noise = 0.1 * markets(9000 + seed, bars=4000, edge=1e-9).ahead / 1e-9
        passed += by_gate(judge(market, normal(noise, 1.0)))["G1"].passed
    assert passed <= 2


def test_too_good_is_a_leak(markets, normal, judge) -> None:
    market = markets(3, edge=0.45)
    found = by_gate(judge(market, normal(market.ahead, np.sqrt(1 - 0.45**2))))
    assert found["G1"].passed
    assert not found["G12"].passed
    assert "leak" in found["G12"].sentence
    assert not promotable(found.values())
