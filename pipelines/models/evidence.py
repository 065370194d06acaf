"""When the classes of the training rows are too lopsided to learn from, and which gate a refusal speaks for.

The rule itself is pipelines.sequences.labels.
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadData, NotEnoughEvidence
from pipelines.sequences.labels import require_balanced


class Lopsided(NotEnoughEvidence):
    """A class leaves its bounds among the training rows: labels enough, but not of every kind."""


def kind_of(refusal: NotEnoughEvidence) -> str:
    """What a refusal to train is about: `class_balance`, or `effective_sample`, the count of independent labels."""
    return "class_balance" if isinstance(refusal, Lopsided) else "effective_sample"


def require_every_class(classes: NDArray[np.integer], rule: str, what: str) -> None:
    """Refuse training rows of which a class has less than 10 % or more than 80 %.

    `classes`: (N,) 0 DOWN, 1 NEUTRAL, 2 UP of the rows of `what`. Raises Lopsided with the shares: the
    rows are sound, and still a model of them would only repeat the common class, so this is a result.
    """
    try:
        require_balanced(classes, rule)
    except BadData as lopsided:
        raise Lopsided(f"not enough evidence of every class: in {what}, {lopsided}") from lopsided
