"""Gate: enough independent labels to judge at all."""

from pipelines.evaluation.scorecard import Scorecard
from pipelines.gates.declaration import Finding, Gate, Thresholds


def _judge(scorecard: Scorecard, thresholds: Thresholds) -> Finding:
    needed = max(thresholds.minimum_effective, scorecard.minimum_effective)
    passed = scorecard.n_eff >= needed
    horizon = scorecard.subject.horizon
    sentence = (
        f"{'Enough' if passed else 'Not enough'} evidence: {scorecard.n} forecasts of {horizon} bars "
        f"overlap, and are worth n_eff {int(scorecard.n_eff)} of the {needed:g} independent labels needed."
    )
    return Finding(passed, scorecard.n_eff, None, needed, "labels", sentence)


GATE = Gate("effective_sample", "Enough independent labels", _judge, needs_figures=False)
