"""The version 5 guide's own pair: accuracy ≥ 65 % and calibration error ≤ 5 %. Shown, advisory by default.

On labels that are mostly NEUTRAL a constant passes it, and on balanced labels hardly any true edge does, so
it is never said without what doing nothing would have scored.
"""

from pipelines.evaluation.scorecard import Scorecard
from pipelines.gates.declaration import Finding, Gate, Thresholds
from pipelines.gates.words import percent


def _judge(scorecard: Scorecard, thresholds: Thresholds) -> Finding:
    accuracy, error = scorecard.figure("accuracy"), scorecard.figure("calibration_error")
    known = accuracy.value is not None and error.value is not None
    passed = (
        known
        and (accuracy.value or 0.0) >= thresholds.guide_accuracy
        and (error.value or 0.0) <= thresholds.guide_calibration_error
    )
    sentence = (
        f"Accuracy is {percent(accuracy.value)} (guide: at least {percent(thresholds.guide_accuracy, 0)}; "
        f"doing nothing scores {percent(accuracy.baseline)}) and calibration error {percent(error.value)} "
        f"(guide: at most {percent(thresholds.guide_calibration_error, 0)}; chance alone "
        f"shows {percent(error.baseline)})."
    )
    limit = thresholds.guide_accuracy
    return Finding(passed, accuracy.value, accuracy.lower, limit, "share", sentence)


GATE = Gate("guide_v5", "The guide's accuracy and calibration", _judge)
