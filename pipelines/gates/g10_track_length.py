"""G10: the track is as long as its own Sharpe ratio needs to be told from 0 (minimum track record length)."""

from pipelines.evaluation.scorecard import Scorecard
from pipelines.gates.declaration import Finding, Gate, Thresholds
from pipelines.gates.words import number


def _judge(scorecard: Scorecard, thresholds: Thresholds) -> Finding:
    days, needed = scorecard.figure("track_days").value or 0.0, scorecard.figure("track_needed").value
    ratio = number(scorecard.figure("sharpe_daily").value, 3)
    passed = needed is not None and days >= needed
    if needed is None:
        sentence = (
            f"The Sharpe ratio per day is {ratio}: no track, its {days:.0f} days or more, proves it above 0."
        )
        return Finding(False, days, None, days, "days", sentence)
    sentence = (
        f"A Sharpe ratio of {ratio} per day needs {needed:.0f} days to be told from 0 at 95 %, and the track "
        f"has {days:.0f}."
    )
    return Finding(passed, days, None, needed, "days", sentence)


GATE = Gate("G10", "The track is long enough", _judge)
