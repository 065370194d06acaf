"""When the classes of the training rows are too lopsided to learn from. The rule is pipelines.sequences.labels."""

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import BadData, NotEnoughEvidence
from pipelines.sequences.labels import require_balanced


def require_every_class(classes: NDArray[np.integer], rule: str, what: str) -> None:
    """Refuse training rows of which a class has less than 10 % or more than 80 %.

    `classes`: (N,) 0 DOWN, 1 NEUTRAL, 2 UP of the rows of `what`. Raises NotEnoughEvidence with the shares: the
    rows are sound, and still a model of them would only repeat the common class, so this is a result.
    """
    try:
        require_balanced(classes, rule)
    except BadData as lopsided:
        raise NotEnoughEvidence(f"not enough evidence of every class: in {what}, {lopsided}") from lopsided
