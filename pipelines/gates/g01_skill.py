"""G1: log-loss skill against training class shares, in all and in direction alone.

Three-class skill by itself is not evidence of an edge. On a martingale with stochastic volatility, a model
that forecasts nothing but volatility knows when NEUTRAL is unlikely, and its three-class skill is truly
above 0, with p_up = p_down for ever. Measured on such a market: log-loss skill 2.6 % (bound 1.6 %) and
balanced accuracy 38.8 %, so G3 passes it as well; yet it has nothing to trade on. So the directional part of
the same loss (`evaluation.forecasts`) must be above 0 too, where such a model scores 0 at most. Conversely
direction alone is not enough: an over-confident p_neutral ruins the forecast that sizes trades.
"""

from pipelines.evaluation.scorecard import Figure, Scorecard
from pipelines.gates.declaration import Finding, Gate, Thresholds
from pipelines.gates.words import above, percent


def _judge(scorecard: Scorecard, thresholds: Thresholds) -> Finding:
    three, direction = scorecard.figure("log_skill"), scorecard.figure("direction_skill")
    passed = above(three.lower, thresholds.skill) and above(direction.lower, thresholds.skill)
    weaker = min((three, direction), key=_known_lower)
    level = percent(three.level, 3 if scorecard.subject.trials > 1 else 0)
    sentence = (
        f"Against training class shares the forecasts save {percent(three.value)} of log loss (lower {level} "
        f"bound {percent(three.lower)}), and {percent(direction.value)} on direction alone (bound "
        f"{percent(direction.lower)}): both bounds must be above {percent(thresholds.skill, 0)}"
        f"{_remark(scorecard, passed, thresholds)}."
    )
    return Finding(passed, weaker.value, weaker.lower, thresholds.skill, "share of log loss", sentence)


def _known_lower(figure: Figure) -> float:
    return float("-inf") if figure.lower is None else figure.lower


def _remark(scorecard: Scorecard, passed: bool, thresholds: Thresholds) -> str:
    if passed:
        return ""
    if above(scorecard.figure("swapped_skill").lower, 0.0):
        return "; the forecasts look inverted: they have skill with UP and DOWN swapped, check the classes"
    if above(scorecard.figure("log_skill").lower, thresholds.skill):
        return "; it foresees when the price moves but not where to, which is volatility and not an edge"
    return ""


GATE = Gate("G1", "Skill beyond class frequencies", _judge)
