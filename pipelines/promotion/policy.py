"""The promotion rule: a bundle is promoted on verdicts of its own, all of them passed, or not at all.

What does not live here: the gates that give verdicts (`pipelines.gates`), the pointer that records them.
"""

from collections.abc import Sequence
from typing import Protocol

from pipelines.errors import NotPromotable


class Verdict(Protocol):
    """What this rule reads of a gate's verdict."""

    @property
    def gate(self) -> str:
        """Name of the gate."""

    @property
    def passed(self) -> bool:
        """Whether it let the candidate through."""

    @property
    def value(self) -> float | None:
        """The figure that decided; None when there was not enough evidence."""

    @property
    def threshold(self) -> float:
        """What the figure was compared with."""


def demand(bundle: str, judged: str, verdicts: Sequence[Verdict], required: Sequence[str]) -> None:
    """Raises NotPromotable unless every required gate passed for this very bundle.

    `bundle`: sha256 of the candidate; `judged`: sha256 in its scorecard; `required`: names of the gates.
    The sentence lists each failing gate with its value and threshold, and each that gave no verdict.
    """
    if not bundle or bundle != judged:
        raise NotPromotable(
            f"scorecard belongs to another bundle: expected {bundle or 'a bundle'}, found {judged or 'none'};"
            " evaluate the candidate again."
        )
    if not required:
        raise NotPromotable(
            f"bundle {bundle[:12]} cannot be promoted without proof: expected at least one required gate,"
            " found none; name the required gates in the settings."
        )
    failing = [reason for name in required if (reason := _objection(name, verdicts))]
    if failing:
        raise NotPromotable(
            f"bundle {bundle[:12]} is not promotable: expected {len(required)} required gates to pass, found"
            f" {len(failing)} that do not: {'; '.join(failing)}; improve the candidate or its evidence."
        )


def _objection(name: str, verdicts: Sequence[Verdict]) -> str:
    """Why a required gate blocks, or an empty string; anything but a plain True is no pass."""
    given = [verdict for verdict in verdicts if verdict.gate == name]
    if not given:
        return f"{name} gave no verdict"
    for verdict in given:
        if verdict.passed is not True:
            return f"{name} failed with {_figure(verdict.value)} against {_figure(verdict.threshold)}"
    return ""


def _figure(value: float | None) -> str:
    return "no figure" if value is None else f"{value:.6g}"
