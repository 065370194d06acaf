"""Walking forward: whatever the venue holds and however small its answers, each row comes or its loss is said."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadAnswer
from resources.venues.fields import micros
from resources.venues.forward import Question, Rows, Walk, quiet, walk

START = datetime(2026, 1, 1, tzinfo=UTC)
ZERO = micros(START)
Row = tuple[int, int]


def question(rows: list[Row], most: int) -> Question:
    """A venue that gives the oldest `most` rows from a moment on."""

    def ask(cursor: int) -> Rows:
        return [row for row in rows if row[0] >= cursor][:most]

    return Question("x", "rows", ask, lambda row: row[0], lambda row: row[1], 1)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=120), st.integers(1, 20), st.integers(1, 80))
def test_everything_comes_once_or_is_said_to_be_crowded(moments: list[int], most: int, length: int) -> None:
    rows = [(ZERO + moment, number) for number, moment in enumerate(sorted(moments))]
    walked = Walk()
    span = (START, START + timedelta(microseconds=length))
    found: set[Row] = set()
    for answer in walk(question(rows, most), span, quiet, walked):
        assert answer
        found |= set(answer)
    wanted = {row for row in rows if row[0] < ZERO + length}
    missing = wanted - found
    if rows and rows[-1][0] < ZERO + length:  # what comes after the last moment shows that it was crowded
        missing -= {row for row in missing if row[0] == rows[-1][0]}
    assert {time for time, _ in missing} <= set(walked.crowded)
    if most > max((moments.count(moment) for moment in moments), default=0):
        assert not missing
        assert not walked.crowded
    if not wanted:
        assert walked.empty or found


@pytest.mark.parametrize("every", [2, 3])
def test_an_answer_that_does_not_begin_where_it_was_asked_is_refused(every: int) -> None:
    rows = [(ZERO + k, k) for k in range(100)]
    asked = 0

    def ask(cursor: int) -> Rows:
        nonlocal asked
        asked += 1
        skipped = cursor + 5 if asked >= every else cursor
        return [row for row in rows if row[0] >= skipped][:10]

    walked = Walk()
    with pytest.raises(
        BadAnswer, match=r"x leaves out rows: expected an answer that begins with the last row"
    ):
        list(
            walk(
                Question("x", "rows", ask, lambda r: r[0], lambda r: r[1], 1),
                (START, START + timedelta(1)),
                quiet,
                walked,
            )
        )


def test_a_venue_that_ignores_the_start_ends_the_walk() -> None:
    """Always the same old rows: asked a few times, never for ever."""
    old = [(ZERO - k, k) for k in range(1, 50)]
    walked = Walk()
    asked = Question("x", "rows", lambda _: old, lambda row: row[0], lambda row: row[1], 1)
    answers = list(walk(asked, (START, START + timedelta(days=1)), quiet, walked))
    assert len(answers) <= 2
    assert walked.empty == [(START, START + timedelta(days=1))]
