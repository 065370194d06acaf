"""G3: balanced accuracy and Matthews correlation, immune to class shares, above any constant's."""

from pipelines.evaluation.scorecard import Scorecard
from pipelines.gates.declaration import Finding, Gate, Thresholds
from pipelines.gates.words import above, number, percent


def _judge(scorecard: Scorecard, thresholds: Thresholds) -> Finding:
    balanced, matthews = scorecard.figure("balanced_accuracy"), scorecard.figure("matthews")
    even = above(balanced.lower, thresholds.balanced_accuracy)
    related = above(matthews.lower, thresholds.matthews)
    sentence = (
        f"Balanced accuracy is {percent(balanced.value)} (lower {percent(balanced.level, 0)} bound "
        f"{percent(balanced.lower)}, must be above {percent(thresholds.balanced_accuracy)}) "
        f"and Matthews correlation {number(matthews.value, 3)} (bound {number(matthews.lower, 3)}, must be "
        f"above {number(thresholds.matthews, 1)})."
    )
    if related or not even:
        decides, limit, unit = balanced, thresholds.balanced_accuracy, "share"
    else:
        decides, limit, unit = matthews, thresholds.matthews, "ratio"
    return Finding(even and related, decides.value, decides.lower, limit, unit, sentence)


GATE = Gate("G3", "Every class is told apart", _judge)
