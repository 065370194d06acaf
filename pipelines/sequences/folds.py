"""Splits in time, purged by information interval, and the count of independent labels behind them.

Walk-forward and expanding: no training row follows a test row, so no embargo is needed. No models live here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from pipelines.errors import BadSettings, NotEnoughEvidence
from pipelines.market.timeframes import length_of

LEAST_TRAINING = 100  # independent labels
LEAST_TEST = 30  # independent labels


@dataclass(frozen=True)
class Fold:
    """Rows by open time: training [train_start, train_end), test [test_start, test_end).

    A training row's label is known before the first test row opens: known_until ≤ test_start.
    """

    train_start: datetime
    train_end: datetime
    test_start: datetime
    test_end: datetime


def purge_of(timeframe: str, horizon: int) -> timedelta:
    """Time between the end of training rows and the first test row: h + 1 bars.

    The last training row t then has information [open(t+1), open(t+2+h)), which ends where the test starts.
    """
    return length_of(timeframe) * (horizon + 1)


def walk_forward(
    times: pl.Series, timeframe: str, horizon: int, n_folds: int, min_train_share: float
) -> list[Fold]:
    """Expanding walk-forward folds over the unique open times of the usable rows of all symbols.

    The first test starts after `min_train_share` of the times; the rest is cut into `n_folds` test spans of
    equally many times. Raises BadSettings for a share outside (0, 1) or no fold, NotEnoughEvidence when a
    fold would be empty.
    """
    if n_folds < 1 or not 0 < min_train_share < 1:
        raise BadSettings(
            f"walk-forward needs n_folds ≥ 1 and 0 < min_train_share < 1, found {n_folds} and {min_train_share}; "
            "correct them."
        )
    unique: list[datetime] = times.unique().sort().to_list()
    first = round(len(unique) * min_train_share)
    if first < 1 or len(unique) - first < n_folds:
        raise NotEnoughEvidence(
            f"not enough evidence: {len(unique)} usable bars for {n_folds} folds; bring more history."
        )
    cuts = [first + (len(unique) - first) * k // n_folds for k in range(n_folds + 1)]
    starts = [unique[cut] for cut in cuts[:-1]]
    ends = [*starts[1:], unique[-1] + length_of(timeframe)]
    purge = purge_of(timeframe, horizon)
    return [
        Fold(unique[0], max(unique[0], start - purge), start, end)
        for start, end in zip(starts, ends, strict=True)
    ]


def n_independent(labelled: pl.DataFrame | Sequence[datetime], horizon: int) -> int:
    """Independent labels ≈ usable bars ÷ (h + 1), rounded down.

    `labelled`: a frame with open_time and label, of one or many symbols. Bars that several symbols share
    count once: 118 coins in one minute are not 118 confirmations.
    """
    if isinstance(labelled, pl.DataFrame):
        return labelled.filter(pl.col("label").is_not_null())["open_time"].n_unique() // (horizon + 1)
    return len(set(labelled)) // (horizon + 1)


def require_evidence(train_n: int, test_n: int, what: str = "") -> None:
    """Raises NotEnoughEvidence with both counts below 100 independent training or 30 test labels.

    `what`: whose labels they are, at the head of the sentence.
    """
    if train_n < LEAST_TRAINING or test_n < LEAST_TEST:
        whose = f"{what}: " if what else ""
        raise NotEnoughEvidence(
            f"not enough evidence: {whose}n_eff {test_n} of {LEAST_TEST} in test and {train_n} of {LEAST_TRAINING} "
            "in training; bring more history or shorten the horizon."
        )
