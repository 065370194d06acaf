"""What evidence says about each expected bar, when spans overlap and contradict each other. No bars are looked at."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.market.timeframes import minutes_of

PRESENT, EMPTY, UNKNOWN, DOWN = KINDS = ("present", "verified-empty", "unknown", "venue-down")
"""Kinds of the ledger, in the order in which counts are shown."""


def spoken(opens: pl.Series, evidence: pl.DataFrame, timeframe: str) -> pl.DataFrame:
    """One row per open time (ascending): `open_time`, and `kind` and `reason` of the EVIDENCE that holds, else null.

    `verified-empty` must cover a bar from open to close; `unknown` and `venue-down` concern every bar they touch.
    Of several the one seen last holds, except that `unknown` never unsays another: not getting an answer later does
    not make an answered minute unanswered. Seen in the same moment, `venue-down` holds before `verified-empty`.
    """
    length = minutes_of(timeframe) * 60_000_000
    ordered = _weakest_first(evidence)
    row = np.full(len(opens), -1, dtype=np.int64)
    at = opens.to_physical().to_numpy()
    for i, (first, until) in enumerate(zip(*_reach(at, ordered, length), strict=True)):
        row[first:until] = i
    said = pl.Series("row", row).replace(-1, None)
    return pl.DataFrame(
        {"open_time": opens, "kind": ordered["kind"].gather(said), "reason": ordered["reason"].gather(said)}
    )


def weighty(evidence: pl.DataFrame) -> pl.DataFrame:
    """EVIDENCE without what says nothing new, by time: of the same words about the same span, the newest.

    A hole that stays is asked about in every run, and would else leave a row each time.
    """
    newest = evidence.sort("seen_at", nulls_last=False, maintain_order=True)
    kept = newest.unique(["time", "end", "kind", "reason"], keep="last", maintain_order=True)
    return kept.sort("time", "end", "seen_at", maintain_order=True)


def _weakest_first(evidence: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order in which each overrules those before it; the same rows give the same order."""
    strength = pl.col("kind").replace_strict({UNKNOWN: 0}, default=1).alias("#answered")
    tie = pl.col("kind").replace_strict({DOWN: 1}, default=0).alias("#down")
    return evidence.with_columns(strength, tie).sort(
        "#answered", "seen_at", "#down", "time", "end", "reason", nulls_last=False
    )


def _reach(
    at: NDArray[np.int64], evidence: pl.DataFrame, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First bar, and the one after the last, that each row speaks about."""
    start, end = (evidence[name].to_physical().to_numpy() for name in ("time", "end"))
    covered = (evidence["kind"] == EMPTY).to_numpy()
    first = np.where(
        covered, np.searchsorted(at, start, "left"), np.searchsorted(at, start - length, "right")
    )
    until = np.where(covered, np.searchsorted(at, end - length, "right"), np.searchsorted(at, end, "left"))
    return first, np.maximum(first, until)
