"""Counts of the ledger, and the sentence that stops a training on too little that is known. No spans are made here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from pipelines.errors import NotEnoughEvidence
from pipelines.market.coverage.statements import EMPTY, KINDS, PRESENT, UNKNOWN

Span = tuple[datetime, datetime]
NAMED = 3  # spans in a sentence
FACTS = ("time", "end", "bars")  # of a span
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Share:
    """Unknown bars among those between the first and the last that are a row."""

    unknown: int  # bars, waived ones not counted
    expected: int  # bars, waived ones not counted: excusing a long hole makes no other hole smaller
    waived: int  # unknown bars in waived spans

    @property
    def value(self) -> float:
        """0..1; 1 when no bar is known at all."""
        return self.unknown / self.expected if self.expected else 1.0


def totals(ledger: pl.DataFrame) -> dict[str, int]:
    """Bars of each kind; they add up to the expected ones."""
    return {kind: int(ledger.filter(pl.col("kind") == kind)["bars"].sum()) for kind in KINDS}


def known_bars(ledger: pl.DataFrame) -> int:
    """How many bars of a COVERAGE are rows of the bar table."""
    counts = totals(ledger)
    return counts[PRESENT] + counts[EMPTY]


def interior(ledger: pl.DataFrame) -> pl.DataFrame:
    """The spans from the first row of the bar table to the last: a history may begin late or end early."""
    rows = ledger.filter(pl.col("kind").is_in([PRESENT, EMPTY]))
    if rows.is_empty():
        return ledger.head(0)
    return ledger.filter(pl.col("time").is_between(rows["time"].min(), rows["time"].max()))


def unknown_share(ledger: pl.DataFrame, waived: Sequence[Span] = ()) -> Share:
    """The unknown share of a COVERAGE's interior; unknown bars inside waived spans [start, end) are left out."""
    inside = interior(ledger)
    unknown = inside.filter(pl.col("kind") == UNKNOWN)
    excused = sum(_excused(row, waived) for row in unknown.select(FACTS).iter_rows())
    return Share(int(unknown["bars"].sum()) - excused, int(inside["bars"].sum()) - excused, excused)


def longest_unknown(ledger: pl.DataFrame, count: int, waived: Sequence[Span] = ()) -> pl.DataFrame:
    """The longest unknown spans of the interior that are not waived as a whole, longest first."""
    unknown = interior(ledger).filter(pl.col("kind") == UNKNOWN)
    left = [_excused(row, waived) < row[2] for row in unknown.select(FACTS).iter_rows()]
    mine = unknown.filter(pl.Series(left, dtype=pl.Boolean))
    return mine.sort("bars", "time", descending=[True, False]).head(count)


def require_known(ledger: pl.DataFrame, most: float, what: str, waived: Sequence[Span] = ()) -> Share:
    """The unknown share of `what` (e.g. `BTC-USD 1m`), which must be at most `most`.

    waived : spans [start, end) that the settings excuse by name
    Raises NotEnoughEvidence with the share, the longest unknown spans and what to do.
    """
    share = unknown_share(ledger, waived)
    if share.expected == 0:
        raise NotEnoughEvidence(
            f"not enough evidence: of {what} no bar is known, expected at least one; materialize its `bars` from a "
            "source that has it."
        )
    if share.value <= most:
        return share
    longest = [
        f"{row['time']:%Y-%m-%d %H:%M} to {row['end']:%Y-%m-%d %H:%M} ({row['bars']:,} bars)"
        for row in longest_unknown(ledger, NAMED, waived).iter_rows(named=True)
    ]
    raise NotEnoughEvidence(
        f"not enough evidence: of {what} {share.unknown:,} of {share.expected:,} bars are unknown "
        f"({share.value:.2%}), expected at most {most:.2%}; longest: {', '.join(longest)}: fetch them again, add a "
        "second market, or waive them by name under quality.waived."
    )


def adds_up(ledger: pl.DataFrame, bars: pl.DataFrame, expected: int) -> tuple[str, ...]:
    """What is wrong between COVERAGE, the BARS it is about and the number of expected bars; empty when nothing is."""
    counts = totals(ledger)
    known, rows = known_bars(ledger), bars["open_time"].n_unique()
    empty = int((bars["origin"] == EMPTY).sum())
    overlap = int((ledger["time"] < ledger["end"].shift()).fill_null(value=False).sum())
    wrong = {
        f"{sum(counts.values()):,} bars in the ledger, {expected:,} expected": sum(counts.values())
        != expected,
        f"{known:,} known bars in the ledger, {rows:,} rows": known != rows,
        f"{counts[EMPTY]:,} verified-empty bars in the ledger, {empty:,} rows of them": counts[EMPTY]
        != empty,
        f"{overlap} overlapping spans": overlap > 0,
    }
    return tuple(sentence for sentence, is_wrong in wrong.items() if is_wrong)


def _excused(row: tuple[datetime, datetime, int], waived: Sequence[Span]) -> int:
    """Bars of one ledger span that open in any of the waived spans."""
    start, end, bars = row
    length = (end - start) / bars
    excused = np.zeros(bars, dtype=np.bool_)
    for first, until in waived:
        skip, stop = (
            (max(moment - start, timedelta()) + length - MICROSECOND) // length for moment in (first, until)
        )
        excused[skip:stop] = True
    return int(excused.sum())
