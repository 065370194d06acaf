"""Walking forward through what a venue has: each request starts at the last row of the answer before it.

The overlap of at least one row proves that nothing lies between two answers. What a row means is not known here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from pipelines.errors import BadAnswer
from resources.venues.fields import micros, moment_of

Span = tuple[datetime, datetime]
Tell = Callable[[str, float], None]
Rows = Sequence[Any]


def quiet(what: str, share: float) -> None:
    """Nobody is told how far it is."""


@dataclass
class Walk:
    """What is found out on the way."""

    pages: int = 0
    overlap: int = 0  # rows that came twice because answers overlap
    crowded: list[int] = field(default_factory=list)  # moments (µs) with more rows than one answer holds
    empty: list[Span] = field(default_factory=list)  # spans without a new row, asked twice


@dataclass(frozen=True)
class Question:
    """How a venue is walked: `ask` gives the rows from a moment (µs) on; the rest says what they are."""

    venue: str
    what: str  # "trades", for sentences
    ask: Callable[[int], Rows]
    time_of: Callable[[Any], int | None]  # µs; None where a row's cannot be read
    key_of: Callable[[Any], Any]  # equal for the same row in two answers
    step: int  # µs that the venue can tell apart


def believed(ask: Callable[[], Rows]) -> Rows:
    """An answer: one that is empty or has another form is asked for twice before it is believed (F6)."""
    try:
        rows = ask()
    except BadAnswer:
        return ask()
    return rows if rows else ask()


def walk(question: Question, span: Span, tell: Tell, walked: Walk) -> Iterator[Rows]:
    """The answers, the first row of each being the last of the one before; rows may lie outside the span.

    Raises BadAnswer when an answer does not begin where it was asked to. A moment with more rows than an answer
    holds is known by the rows after it: where the venue has none yet, nothing tells it apart.
    """
    start, end = micros(span[0]), micros(span[1])
    cursor, known, stalled = start, frozenset[Any](), False
    while cursor < end or stalled:
        rows = believed(partial(question.ask, cursor))
        keys = {question.key_of(row) for row in rows}
        times = [time for row in rows if (time := question.time_of(row)) is not None]
        latest = max(times, default=cursor - 1)
        if known and not known & keys:
            raise _left_out(question, cursor, times)
        if stalled and latest >= cursor:
            walked.crowded.append(cursor - question.step)  # an answer full of one moment, and more behind it
        if cursor >= end:
            return
        if rows:
            walked.overlap += len(known & keys)
            walked.pages += 1
            yield rows
        if latest < cursor:
            walked.empty.append((moment_of(cursor), span[1]))
            return
        tell(f"{question.what} of {question.venue}", min(1.0, (latest - start) / (end - start)))
        stalled = latest == cursor
        if stalled:
            cursor, known = cursor + question.step, frozenset()
        else:
            known = frozenset(question.key_of(row) for row in rows if question.time_of(row) == latest)
            cursor = latest


def _left_out(question: Question, cursor: int, times: Sequence[int]) -> BadAnswer:
    found = f"{moment_of(min(times)):%Y-%m-%d %H:%M:%S}" if times else "nothing"
    return BadAnswer(
        f"{question.venue} leaves out {question.what}: expected an answer that begins with the last row of the one "
        f"before ({moment_of(cursor):%Y-%m-%d %H:%M:%S} UTC), found {found}; nothing after it is used, run the "
        "same command again later."
    )
