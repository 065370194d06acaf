"""How much of a label is its own: average uniqueness (López de Prado 2018, ch. 4). No labels here."""

import numpy as np
from numpy.typing import NDArray


def uniqueness(times: NDArray[np.int64], step: int, horizon: int) -> NDArray[np.float64]:
    """Mean over the label's life [t+1, t+1+h) of 1/concurrency, (N,) in (0, 1].

    `times`: opens in microseconds of the decision bars in use, of one symbol, increasing. Concurrency of a
    bar = number of these labels alive in it, so it must be computed on the training rows alone.
    """
    if not times.size:
        return np.zeros(0)
    at = (times - times[0]) // step + 1  # first bar of the life, on the grid of the first decision
    change = np.zeros(int(at[-1]) + horizon + 1)
    np.add.at(change, at, 1.0)
    np.add.at(change, at + horizon, -1.0)
    alive = np.cumsum(change)
    share = np.divide(1.0, alive, out=np.zeros_like(alive), where=alive > 0)
    total = np.concatenate([[0.0], np.cumsum(share)])
    result: NDArray[np.float64] = (total[at + horizon] - total[at]) / horizon
    return result
