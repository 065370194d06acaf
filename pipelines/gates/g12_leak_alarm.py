"""G12: too good to be true. At 1 minute and longer these figures mean a leak far more often than a discovery.

Balanced accuracy of 42 % or log-loss skill of 3 % is a forecast correlated 0.3 with the future return;
desks live between 0.02 and 0.10. The alarm looks at the point, not the bound, and blocks until a person
names an audit.
"""

from pipelines.evaluation.scorecard import Scorecard
from pipelines.gates.declaration import Finding, Gate, Thresholds
from pipelines.gates.words import above, percent


def _judge(scorecard: Scorecard, thresholds: Thresholds) -> Finding:
    balanced, skill = scorecard.figure("balanced_accuracy"), scorecard.figure("log_skill")
    numbers = (
        f"balanced accuracy {percent(balanced.value)} (alarm above "
        f"{percent(thresholds.alarm_balanced_accuracy, 0)}) and log-loss skill "
        f"{percent(skill.value)} (alarm above {percent(thresholds.alarm_log_skill, 0)})"
    )
    too_skilled = above(skill.value, thresholds.alarm_log_skill)
    alarmed = too_skilled or above(balanced.value, thresholds.alarm_balanced_accuracy)
    audit = next((one for one in thresholds.leak_audits if one.bundle == scorecard.subject.bundle), None)
    if not alarmed:
        sentence = f"No leak alarm: {numbers}."
    elif audit is not None:
        sentence = f"Leak alarm answered by the audit of {audit.auditor} ({audit.reference}): {numbers}."
    else:
        sentence = (
            f"Too good to be true: {numbers}; look for a leak, then attach a named leak audit of this bundle."
        )
    passed = not alarmed or audit is not None
    if too_skilled:
        return Finding(
            passed, skill.value, skill.lower, thresholds.alarm_log_skill, "share of log loss", sentence
        )
    limit = thresholds.alarm_balanced_accuracy
    return Finding(passed, balanced.value, balanced.lower, limit, "share", sentence)


GATE = Gate("G12", "Not too good to be true", _judge)
