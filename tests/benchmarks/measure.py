"""How the benchmarks time: best of several runs in one process, ours and the peer's in turn. No work lives here."""

import time
from collections.abc import Callable
from typing import TypedDict


class Row(TypedDict):
    """One line of the table."""

    work: str
    ours: str  # with unit
    peer: str  # who
    peers: str  # with unit
    ratio: float
    budget: str  # in words, with the direction
    within: bool


def best(work: Callable[[], object], runs: int = 3) -> float:
    """Seconds of the fastest of several runs: the least disturbed one."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
