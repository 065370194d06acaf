"""Combinatorial purged splits with an embargo, in time: every choice of test groups, trained on what is left around.

Rows are never counted: a group is a stretch of time, so symbols that are stacked share it and cannot leak into each
other. Expanding walk-forward splits, which need no embargo, are folds.py. No models live here.
Source: López de Prado (2018), Advances in Financial Machine Learning, ch. 7 and 12.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, pairwise

import polars as pl

from pipelines.errors import BadSettings, NotEnoughEvidence
from pipelines.market.timeframes import length_of
from pipelines.sequences.volatility import volatility_bars

Span = tuple[datetime, datetime]
SHORTEST = 5
"""A group is at least so many times the embargo and the horizon: else most of what is trained on is cut away."""


@dataclass(frozen=True)
class Split:
    """Rows by open time: test in any of `test`, training in any of `train`; spans are half-open and ascending."""

    test: tuple[Span, ...]
    train: tuple[Span, ...]

    def of(self, times: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Which open times are training and which are test rows, two masks."""
        return _inside(times, self.train), _inside(times, self.test)


def embargo_of(timeframe: str, lookback: int, bars: int, horizon: int) -> timedelta:
    """How long after a test group's last label no training row stands: what a window or its label's σ looks back on.

    lookback : bars that the longest feature looks back, including its own; bars : length of the window
    A time, so it holds for a market that never closes: one that does looks back over its nights.
    """
    return length_of(timeframe) * max(lookback + bars - 1, volatility_bars(timeframe, horizon) + 1)


def combinatorial(
    times: pl.Series, timeframe: str, horizon: int, embargo: timedelta, groups: int, test_groups: int
) -> Iterator[Split]:
    """All choices of `test_groups` of `groups` stretches with equally many unique open times, in order.

    times : open times of the usable rows of all symbols, of markets that never close; their labels are known
        horizon + 2 bars after they open.
    A training row's label is known before the test group after it opens, and it opens at least `embargo` after the
    last label of the test group before it was known. Raises BadSettings for impossible numbers, NotEnoughEvidence
    when a group is shorter than SHORTEST times the embargo and horizon + 1 bars.
    """
    if not 0 < test_groups < groups or horizon < 1 or embargo < timedelta():
        raise BadSettings(
            f"combinatorial splits need 0 < test groups < groups, a horizon and an embargo, found {test_groups} of "
            f"{groups}, {horizon} bars and {embargo}; correct them."
        )
    length = length_of(timeframe)
    stretches = _stretches(times, groups, length)
    needed = SHORTEST * (embargo + length * (horizon + 1))
    shortest = min((end - start for start, end in stretches), default=timedelta())
    if shortest < needed:
        raise NotEnoughEvidence(
            f"not enough evidence: {groups} groups of at least {needed} each were needed for combinatorial splits, the "
            f"shortest has {shortest}; use walk-forward folds or bring more history."
        )
    for chosen in combinations(stretches, test_groups):
        yield Split(chosen, tuple(_left(stretches, chosen, length * (horizon + 1), embargo)))


def _stretches(times: pl.Series, groups: int, length: timedelta) -> list[Span]:
    """Consecutive spans that hold equally many unique open times; the last ends with the last bar."""
    unique = times.unique().sort()
    if len(unique) < groups:
        return []
    starts = [unique[len(unique) * k // groups] for k in range(groups)]
    return list(pairwise([*starts, unique[-1] + length]))


def _left(
    stretches: list[Span], chosen: tuple[Span, ...], reach: timedelta, embargo: timedelta
) -> Iterator[Span]:
    """Spans in which a training row may open: before a test group by its label, after one by label and embargo."""
    first, last = stretches[0][0], stretches[-1][1]
    begin = first
    for start, end in chosen:
        if begin < start - reach:
            yield begin, start - reach
        begin = end + reach + embargo
    if begin < last:
        yield begin, last


def _inside(times: pl.Series, spans: tuple[Span, ...]) -> pl.Series:
    mask = pl.repeat(value=False, n=len(times), eager=True, dtype=pl.Boolean)
    for start, end in spans:
        mask = mask | times.is_between(start, end, closed="left")
    return mask
