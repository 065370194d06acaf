"""Applies a policy to a scorecard. Each gate's rule is in its own file."""

from collections.abc import Iterable

from pipelines.evaluation.scorecard import Scorecard
from pipelines.gates.catalogue import gate
from pipelines.gates.declaration import Finding, Gate, Verdict
from pipelines.gates.policy import GatePolicy


def verdicts(scorecard: Scorecard, policy: GatePolicy) -> tuple[Verdict, ...]:
    """One verdict a gate of the policy, required ones first, in the policy's order."""
    return tuple(
        _verdict(gate(name), scorecard, policy, required)
        for required, names in ((True, policy.required), (False, policy.advisory))
        for name in names
    )


def promotable(found: Iterable[Verdict]) -> bool:
    """Whether every required verdict passed; False when none was required."""
    required = [verdict.passed for verdict in found if verdict.required]
    return bool(required) and all(required)


def _verdict(rule: Gate, scorecard: Scorecard, policy: GatePolicy, required: bool) -> Verdict:
    if rule.needs_figures and not scorecard.enough:
        finding = Finding(False, None, None, scorecard.minimum_effective, "labels", f"{scorecard.evidence}.")
    else:
        finding = rule.judge(scorecard, policy.thresholds)
    return Verdict(
        gate=rule.name,
        title=rule.title,
        passed=finding.passed,
        required=required,
        value=finding.value,
        lower=finding.lower,
        threshold=finding.threshold,
        unit=finding.unit,
        sentence=finding.sentence,
    )
