"""Trades that never came: holes in ids that a venue gives without one (F17). Nothing is fetched here."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Lost:
    """What the ids say about completeness."""

    expected: int  # ids between the lowest and the highest, both included
    found: int
    holes: tuple[
        tuple[int, int, int], ...
    ]  # times (µs) of the trades around a hole, and how many ids it lacks
    disorder: int  # trades older than one with a lower id

    @property
    def coverage(self) -> float:
        """Share of the ids that came, 0 to 1."""
        return self.found / self.expected if self.expected else 1.0

    @property
    def sentence(self) -> str:
        """For whoever reads the asset's metadata."""
        told = f"{100 * self.coverage:.4g} % of the trade ids came, {self.expected - self.found} are missing"
        return f"{told}; {self.disorder} are out of time order" if self.disorder else told


def lost_ids(ids: Sequence[int], times: Sequence[int]) -> Lost:
    """The audit of trades with these ids and times (µs), in any order, repeats included."""
    seen = sorted(dict(zip(ids, times, strict=True)).items())
    holes, disorder = [], 0
    for (left, before), (right, after) in pairwise(seen):
        if right - left > 1:
            holes.append((min(before, after), max(before, after), right - left - 1))
        disorder += after < before
    expected = seen[-1][0] - seen[0][0] + 1 if seen else 0
    return Lost(expected, len(seen), tuple(holes), disorder)
