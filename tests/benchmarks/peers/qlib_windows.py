"""Qlib's TSDataSampler over some instruments; run by .bench/venv, which has Qlib and not Tidemark.

Arguments: matrix.npy (S·N, F) float32, instrument after instrument, how many of them, picks.npy (batches, B) rows of it
that end a window, bars a window, rounds. Prints one line of JSON: seconds of the fastest round of each of its two
interfaces and of building it, a checksum of the first batch, the version.
"""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
import pandas as pd
from qlib.data.dataset import TSDataSampler


def sampler(matrix: np.ndarray, instruments: int, bars: int) -> TSDataSampler:
    """A sampler whose item k is the window that ends in row k of the matrix: Qlib keeps instrument after instrument."""
    times = pd.date_range("2024-01-01", periods=len(matrix) // instruments, freq="min", name="datetime")
    names = [f"I{number}" for number in range(instruments)]
    index = pd.MultiIndex.from_product([names, times], names=["instrument", "datetime"])
    data = pd.DataFrame(matrix, index=index).swaplevel().sort_index()
    return TSDataSampler(data, times[0], times[-1], bars, dtype=np.float32)


def main(matrix_path: str, instruments: int, picks_path: str, bars: int, rounds: int) -> None:
    """Time both ways to ask for a batch: a list of numbers, and one by one as a DataLoader does, stacked."""
    start = time.perf_counter()
    windows, picks = sampler(np.load(matrix_path), instruments, bars), np.load(picks_path)
    seconds = {"build": time.perf_counter() - start}
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
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
