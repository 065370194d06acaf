"""Parsed tick files as UTC days, cut while they are read: a file needs no more memory than the day asked for.

A neighbouring day that is small (late events of a file split by the recorder's clock) is kept for the next question;
one that is large is read again. Which rules a row has is pipelines/market.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import polars as pl

from pipelines.market.rows import Parsed

FILES = 3
"""Files whose other days are remembered: a run over days meets each file up to three times in a row."""
BYTES = 2**27
"""Most that the remembered days of one file take."""


@dataclass
class Cut:
    """What is left of one file: its days, whole or dropped, and what is said of all of it."""

    whole: Parsed  # of its rows only the columns that judge the file, all quarantined rows
    days: dict[date, pl.DataFrame] = field(default_factory=dict)
    dropped: set[date] = field(default_factory=set)  # too large to keep: read the file again


def cut(parts: Iterable[Parsed], day: date, judged: Sequence[str], most: int = BYTES) -> Cut:
    """A file that arrives in parts; of the days beside `day` those nearest to it are kept, up to `most` bytes.

    judged : columns of which `whole` keeps every row, for the checks of a file as a whole
    """
    frames: dict[date, list[pl.DataFrame]] = {}
    dropped: set[date] = set()
    seen: list[Parsed] = []
    for part in parts:
        seen.append(replace(part, rows=part.rows.select(judged)))
        _sort_in(part.rows, frames, dropped)
        beside = sorted((other for other in frames if other != day), key=lambda other: abs(other - day))
        while beside and sum(frame.estimated_size() for other in beside for frame in frames[other]) > most:
            dropped.add(beside[-1])
            del frames[beside.pop()]
    whole = Parsed(
        pl.concat([part.rows for part in seen]),
        pl.concat([part.quarantine for part in seen]),
        next((part.label for part in seen if part.label), ""),
        tuple(dict.fromkeys(note for part in seen for note in part.notes)),
    )
    none = {day: [part.rows[:0]]} if day not in frames else {}
    return Cut(whole, {key: pl.concat(value) for key, value in (frames | none).items()}, dropped)


def _sort_in(rows: pl.DataFrame, frames: dict[date, list[pl.DataFrame]], dropped: set[date]) -> None:
    days = rows["time"].dt.date()
    for day in days.unique():
        if day not in dropped:
            alone = rows if days.n_unique() == 1 else rows.filter(days == day)
            frames.setdefault(day, []).append(alone)


class DayPieces:
    """Days of files that were read for another day, until they are asked for."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str, int, int], Cut] = {}

    def of(self, kind: str, path: Path, day: date, read: Callable[[Path, date], Cut]) -> Parsed:
        """The rows of a day in a file, with all of its quarantined rows; `read` is called where they are not held."""
        state = path.stat()
        key = (kind, str(path), state.st_size, state.st_mtime_ns)
        found = self._held.pop(key, None)
        if found is None or day in found.dropped or day not in found.days:
            found = read(path, day)
        rows = found.days.pop(day)
        found.dropped.add(day)
        while len(self._held) >= FILES:
            self._held.pop(next(iter(self._held)))
        self._held[key] = found
        return replace(found.whole, rows=rows)
