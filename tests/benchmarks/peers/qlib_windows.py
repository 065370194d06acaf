"""Qlib's TSDataSampler over one instrument; run by .bench/venv, which has Qlib and not Tidemark.

Arguments: matrix.npy (N, F) float32, picks.npy (batches, B) window numbers, bars a window, rounds. Prints one line of
JSON: seconds of the fastest round of each of its two interfaces, a checksum of the first batch, the version.
Only the sampler is timed, not the building of its index.
"""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import pandas as pd
from qlib.data.dataset import TSDataSampler


def sampler(matrix: np.ndarray, bars: int) -> TSDataSampler:
    """A sampler whose item k is the window that ends in row k."""
    times = pd.date_range("2024-01-01", periods=len(matrix), freq="min", name="datetime")
    index = pd.MultiIndex.from_product([times, ["BTC-USD"]], names=["datetime", "instrument"])
    return TSDataSampler(pd.DataFrame(matrix, index=index), times[0], times[-1], bars, dtype=np.float32)


def main(matrix_path: str, picks_path: str, bars: int, rounds: int) -> None:
    """Time both ways to ask for a batch: a list of numbers, and one by one as a DataLoader does, stacked."""
    windows, picks = sampler(np.load(matrix_path), bars), np.load(picks_path) + bars - 1
    seconds = {}
    for name, batch in (
        ("list", windows.__getitem__),
        ("stacked", lambda ks: np.stack([windows[k] for k in ks])),
    ):
        seconds[name] = float("inf")
        for _ in range(rounds):
            start = time.perf_counter()
            for pick in picks:
                batch(pick)
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    checksum = float(windows[picks[0]].sum(dtype=np.float64))
    print(json.dumps({"seconds": seconds, "checksum": checksum, "qlib": version("pyqlib")}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
