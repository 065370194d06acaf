"""What a gate and a verdict are. The gates themselves are one file each; policies are in `policy`."""

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.evaluation.scorecard import Scorecard


@dataclass(frozen=True)
class LeakAudit:
    """A person's finding that a suspiciously good bundle has been searched for leaks and is clean."""

    bundle: str  # sha256 of the bundle that was audited
    auditor: str  # who vouches for it
    reference: str  # where the audit can be read


@dataclass(frozen=True)
class Thresholds:
    """What the gates compare with."""

    minimum_effective: float = 30.0  # independent labels
    skill: float = 0.0  # share of climatology's log loss that the lower bound must exceed
    balanced_accuracy: float = 1 / 3  # share
    matthews: float = 0.0  # ratio
    daily_return: float = 0.0  # share per day, after costs
    profit_factor: float = 1.0  # ratio, at stressed fees
    alarm_balanced_accuracy: float = 0.42  # share: above it a leak is likelier than a discovery
    alarm_log_skill: float = 0.03  # share of climatology's log loss, likewise
    guide_accuracy: float = 0.65  # share
    guide_calibration_error: float = 0.05  # share
    leak_audits: tuple[LeakAudit, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What a gate found, before the policy says whether it is required."""

    passed: bool
    value: float | None  # the figure that decides, in `unit`
    lower: float | None  # its one-sided lower bound, or None when the point itself is compared
    threshold: float
    unit: str
    sentence: str  # why, in words, with the numbers


@dataclass(frozen=True)
class Verdict:
    """A gate's finding under a policy."""

    gate: str  # e.g. "G1"
    title: str
    passed: bool
    required: bool  # False: shown, and promotes or blocks nothing
    value: float | None
    lower: float | None
    threshold: float
    unit: str
    sentence: str


@dataclass(frozen=True)
class Gate:
    """A declared gate. Each gate module holds exactly one, named GATE."""

    name: str  # e.g. "G1"
    title: str
    judge: Callable[[Scorecard, Thresholds], Finding]
    needs_figures: bool = True  # False: can judge a scorecard whose figures are withheld
