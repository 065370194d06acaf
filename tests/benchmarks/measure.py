"""How the benchmarks time and judge: best of several rounds, ours and the peers' in turn. No work lives here.

The ratio of a row is the number that its budget bounds: peer's seconds ÷ ours ("≥ 3 × its speed") or ours ÷
peer's ("≤ 2.5 × its time").
"""

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


def at_least(times: float, work: str, ours: float, peer: str, peers: float) -> Row:
    """We must be at least `times` times as fast as the peer; both in seconds."""
    ratio = peers / ours
    return _row(
        work, _seconds(ours), peer, _seconds(peers), ratio, f"≥ {times:g} × its speed", ratio >= times
    )


def at_most(times: float, work: str, ours: float, peer: str, peers: float) -> Row:
    """We may take at most `times` times as long as the peer; both in seconds."""
    ratio = ours / peers
    return _row(work, _seconds(ours), peer, _seconds(peers), ratio, f"≤ {times:g} × its time", ratio <= times)


def blocked(work: str, peer: str, why: str, budget: str) -> Row:
    """A peer that cannot run here: the claim against it stays unproven, so not within."""
    return _row(work, "not measured", f"{peer}: blocked, {why}", "not measured", 0.0, budget, False)


def best(*calls: Callable[[], object], runs: int = 3, repeats: int = 1) -> list[float]:
    """Fastest seconds of each call: the least disturbed round, taken in turn so that noise hits all alike.

    repeats : times in a row that a round makes each call. What waits for seconds until its next turn finds that a
    virtual machine has given its free memory away, and pays for getting it back; asked again at once, nobody does.
    """
    fastest = [float("inf")] * len(calls)
    for _ in range(runs):
        for which, call in enumerate(calls):
            for _ in range(repeats):
                start = time.perf_counter()
                call()
                fastest[which] = min(fastest[which], time.perf_counter() - start)
    return fastest


def _seconds(value: float) -> str:
    if value >= 1.0:
        return f"{value:.2f} s"
    return f"{value * 1e3:.1f} ms" if value >= 1e-3 else f"{value * 1e6:.0f} µs"


def _row(work: str, ours: str, peer: str, peers: str, ratio: float, budget: str, within: bool) -> Row:
    return {
        "work": work,
        "ours": ours,
        "peer": peer,
        "peers": peers,
        "ratio": ratio,
        "budget": budget,
        "within": within,
    }
