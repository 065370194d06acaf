"""Spans in which a rebuilt book says nothing, and the sentences about them. When they begin is books.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.market.schemas import UTC_US

INVALID: dict[str, pl.DataType | type[pl.DataType]] = {
    "time": UTC_US,  # exchange time from which the book is not known
    "end": UTC_US,  # exclusive: the next snapshot, or the last row when none came
    "reason": pl.String,
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Span:
    """Exchange times in microseconds, half-open."""

    time: int
    end: int
    reason: str

    @property
    def sentence(self) -> str:
        """What a person reads."""
        start, end = (EPOCH + timedelta(microseconds=moment) for moment in (self.time, self.end))
        days = "" if start.date() == end.date() else f"{end:%Y-%m-%d} "
        return f"book invalid {start:%Y-%m-%d %H:%M:%S}–{days}{end:%H:%M:%S}: {self.reason}"


@dataclass(frozen=True)
class Counted:
    """The exchange times in microseconds of which something is counted and said, half-open."""

    start: int = -(2**62)
    end: int = 2**62

    @classmethod
    def of(cls, span: tuple[datetime, datetime] | None) -> "Counted":
        """[start, end); everything for None."""
        if span is None:
            return cls()
        start, end = ((moment - EPOCH) // timedelta(microseconds=1) for moment in span)
        return cls(start, end)

    def many(self, times: NDArray[np.int64]) -> int:
        """How many of the times are counted."""
        return int(np.count_nonzero((times >= self.start) & (times < self.end)))

    def touches(self, span: Span) -> bool:
        """Whether a part of the span is counted."""
        return span.time < self.end and span.end > self.start


class Spans:
    """The closed spans and at most one that is open."""

    def __init__(self) -> None:
        self.closed: list[Span] = []
        self._open: tuple[int, str] | None = None

    def open(self, time: int, reason: str) -> None:
        """The book is unknown from `time` on; the first reason stands."""
        if self._open is None:
            self._open = (time, reason)

    def close(self, time: int) -> None:
        """The book is known again."""
        if self._open is not None and time > self._open[0]:
            self.closed.append(Span(self._open[0], time, self._open[1]))
        self._open = None

    def until(self, time: int | None) -> list[Span]:
        """All spans, one that is still open ending at `time`."""
        if self._open is None or time is None or time <= self._open[0]:
            return list(self.closed)
        return [*self.closed, Span(self._open[0], time, self._open[1])]


def invalid_spans(spans: Sequence[Span]) -> pl.DataFrame:
    """Spans as an INVALID frame."""
    rows = [(span.time, span.end, span.reason) for span in spans]
    frame = pl.DataFrame(rows, schema={"time": pl.Int64, "end": pl.Int64, "reason": pl.String}, orient="row")
    return frame.cast(INVALID)  # type: ignore[arg-type]
