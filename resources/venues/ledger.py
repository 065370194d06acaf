"""Every bar that was asked for, and what is known of those that have no candle. Asking is holes.py and candles.py."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.market.paging import EPOCH, Span
from pipelines.market.schemas import EVIDENCE

Times = npt.NDArray[np.int64]
MICROSECOND = timedelta(microseconds=1)
Verdict = tuple[str, str, datetime | None]
"""Kind of evidence, its reason, and when it was learned; None: with the candles."""
NOT_HAD: Verdict = ("unknown", "no candle of it was given", None)


class Ledger:
    """The bars of some spans on the grid of a timeframe; a bar that is not present has a kind and a reason."""

    def __init__(self, spans: Iterable[Span], length: timedelta) -> None:
        """`spans`: half-open, on the grid; where they overlap a bar counts once."""
        self.step = length // MICROSECOND
        grids = [np.arange(micros(start), micros(end), self.step, dtype=np.int64) for start, end in spans]
        self.opens: Times = np.unique(np.concatenate([np.empty(0, np.int64), *grids]))
        self._codes = np.zeros(len(self.opens), np.int32)
        self._verdicts = [NOT_HAD]

    def missing(self, present: Times, judged: bool = True) -> list[Span]:
        """Runs of bars of one verdict that are neither present nor verified-empty, ascending.

        `judged` False: only those of which nothing has been said.
        """
        codes = np.where(np.isin(self.opens, present), np.int32(-1), self._codes)
        return [
            span
            for span, code in self._runs(codes)
            if self._verdicts[code][0] != "verified-empty" and (judged or code == 0)
        ]

    def of(self, times: Times) -> Times:
        """Those of some moments that are bars asked for."""
        places = np.searchsorted(self.opens, times)
        inside = places < len(self.opens)
        known: Times = times[inside][self.opens[places[inside]] == times[inside]]
        return known

    def mark(self, span: Span, kind: str, reason: str, seen_at: datetime | None = None) -> None:
        """Say of the bars of a span why they have no candle; a later word replaces an earlier one.

        `seen_at`: when that was learned, if not with the candles.
        """
        first, last = np.searchsorted(self.opens, [micros(span[0]), micros(span[1])])
        verdict = (kind, reason, seen_at)
        if self._verdicts[-1] != verdict:
            self._verdicts.append(verdict)
        self._codes[first:last] = len(self._verdicts) - 1

    def evidence(self, present: Times, seen_at: datetime) -> pl.DataFrame:
        """EVIDENCE of every bar that is not present: with those present it adds up to every bar asked for.

        `seen_at`: when the candles were received.
        """
        codes = np.where(np.isin(self.opens, present), np.int32(-1), self._codes)
        said = [(span, self._verdicts[code]) for span, code in self._runs(codes.astype(np.int32))]
        rows = [(*span, kind, reason, learned or seen_at) for span, (kind, reason, learned) in said]
        return pl.DataFrame(rows, schema=EVIDENCE, orient="row")

    def _runs(self, codes: npt.NDArray[np.int32]) -> Sequence[tuple[Span, int]]:
        """Spans of neighbouring bars that share a code, without those of code −1."""
        if not len(self.opens):
            return []
        breaks = (np.diff(codes) != 0) | (np.diff(self.opens) != self.step)
        starts = np.concatenate([[0], np.flatnonzero(breaks) + 1])
        ends = np.concatenate([starts[1:], [len(self.opens)]])
        return [
            ((moment(self.opens[start]), moment(self.opens[end - 1] + self.step)), int(codes[start]))
            for start, end in zip(starts, ends, strict=True)
            if codes[start] >= 0
        ]


def spelled(span: Span) -> str:
    """A span in words: `2026-03-01 23:57 to 2026-03-02 00:00 UTC`, the day once where it is one."""
    start, end = span
    same = start.date() == end.date()
    return f"{start:%Y-%m-%d %H:%M} to {end:{'%H:%M' if same else '%Y-%m-%d %H:%M'}} UTC"


def micros(time: datetime) -> int:
    """Microseconds since the epoch."""
    return (time - EPOCH) // MICROSECOND


def moment(stamp: int | np.int64) -> datetime:
    """The moment of a microsecond since the epoch."""
    return (EPOCH + timedelta(microseconds=int(stamp))).astimezone(UTC)


def times_of(rows: pl.DataFrame) -> Times:
    """Open times of CANDLES in microseconds."""
    return rows["open_time"].to_physical().to_numpy().astype(np.int64)
