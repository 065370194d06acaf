"""The one file that is LightGBM: train a booster to its text, and give logits from that text.

Which rows, folds and weights it is given is decided in trees.py.
"""

from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
VERSION: str = lightgbm.__version__


def train(
    inputs: Array, classes: NDArray[np.integer], weights: Array, params: dict[str, Any], rounds: int
) -> str:
    """The model text of a three-class booster fitted on inputs (N, F), classes (N,) and weights (N,).

    Same inputs, parameters and thread count give the same text.
    """
    fixed = {
        "objective": "multiclass",
        "num_class": 3,
        "deterministic": True,
        "force_col_wise": True,  # row-wise histograms depend on the thread count
        "verbosity": -1,
    }
    data = lightgbm.Dataset(inputs, label=classes, weight=weights / weights.mean(), params={"verbosity": -1})
    return str(lightgbm.train({**params, **fixed}, data, num_boost_round=rounds).model_to_string())


class Booster:
    """A booster read from its text."""

    def __init__(self, text: str, threads: int = 1) -> None:
        self._booster = lightgbm.Booster(model_str=text)
        self._threads = threads

    def logits(self, inputs: Array) -> Array:
        """Raw scores (N, 3) of inputs (N, F)."""
        scores = self._booster.predict(inputs, raw_score=True, num_threads=self._threads)
        return np.asarray(scores, dtype=np.float64).reshape(-1, 3)

    def gains(self, names: tuple[str, ...]) -> dict[str, float]:
        """Share of the total split gain per feature, largest first."""
        gain = self._booster.feature_importance(importance_type="gain")
        total = max(float(gain.sum()), 1e-12)
        shares = {name: float(g) / total for name, g in zip(names, gain, strict=True)}
        return dict(sorted(shares.items(), key=lambda item: -item[1]))
