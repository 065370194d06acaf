"""bitemporal: what was seen first stays, what differs later is kept beside it, in whatever order it arrives."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipelines.errors import BadData
from pipelines.market.bitemporal import Merged, as_of, merge
from pipelines.market.schemas import FIRST_SEEN, REVISIONS

START = datetime(2024, 7, 19, tzinfo=UTC)
NOTHING = pl.DataFrame(schema=FIRST_SEEN)
NO_REVISION = pl.DataFrame(schema=REVISIONS)
Row = tuple[int, float, int | None, str]  # minute, close, seen at minute, origin


def seen(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "open_time": START + timedelta(minutes=m),
                **dict.fromkeys(("open", "high", "low", "close"), close),
                "volume": 1.0,
                "seen_at": None if at is None else START + timedelta(minutes=at),
                "origin": origin,
                "market": f"{origin}.BTC-USD",
            }
            for m, close, at, origin in rows
        ],
        schema=FIRST_SEEN,
    )


def merged(*arrivals: list[Row]) -> Merged:
    found = Merged(NOTHING, NO_REVISION, 0, 0)
    for rows in arrivals:
        found = merge(found.first_seen, found.revisions, seen(rows))
    return found


def told(frame: pl.DataFrame) -> list[tuple[int, float]]:
    minutes = (frame["open_time"] - START).dt.total_minutes().to_list()
    return list(zip(minutes, frame["close"].to_list(), strict=True))


def test_a_later_value_is_kept_beside_the_first_and_never_instead() -> None:
    found = merged([(0, 100.0, 1, "candle"), (1, 101.0, 2, "candle")], [(0, 99.0, 5, "candle")])
    assert told(found.first_seen) == [(0, 100.0), (1, 101.0)]
    assert told(found.revisions) == [(0, 99.0)]
    assert (found.added, found.revised) == (0, 1)
    assert found.first_seen.schema == pl.Schema(FIRST_SEEN)
    assert found.revisions.schema == pl.Schema(REVISIONS)


def test_an_equal_value_changes_nothing() -> None:
    once = merged([(0, 100.0, 1, "candle")], [(0, 99.0, 3, "candle")])
    again = merge(once.first_seen, once.revisions, seen([(0, 100.0, 9, "candle"), (0, 99.0, 9, "candle")]))
    assert_frame_equal(again.first_seen, once.first_seen)
    assert_frame_equal(again.revisions, once.revisions)
    assert (again.added, again.revised) == (0, 0)


def test_the_venues_own_candle_does_not_replace_a_repaired_one() -> None:
    """Unknown, repaired at 5, handed in by the venue at 9: whoever decided in between had the repaired one."""
    found = merged([(0, 100.0, 5, "second-venue")], [(0, 100.5, 9, "candle")])
    assert found.first_seen["origin"].to_list() == ["second-venue"]
    assert told(found.revisions) == [(0, 100.5)]


def test_of_values_seen_in_the_same_moment_the_venues_own_candle_is_the_first() -> None:
    for order in ([0, 1], [1, 0]):
        rows: list[Row] = [(0, 100.0, 5, "second-venue"), (0, 100.5, 5, "candle")]
        found = merged([rows[order[0]]], [rows[order[1]]])
        assert found.first_seen["origin"].to_list() == ["candle"]
        assert told(found.revisions) == [(0, 100.0)]


ROWS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([99.0, 100.0, 101.0]),
        st.integers(0, 4),
        st.sampled_from(["candle", "ticks", "second-venue"]),
    ),
    max_size=14,
)


@given(rows=ROWS, data=st.data())
def test_the_order_and_the_split_of_arrivals_never_change_the_result(
    rows: list[Row], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(rows))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    parts = [list(shuffled[a:b]) for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    whole, pieces = merged(rows), merged(*parts)
    assert_frame_equal(whole.first_seen, pieces.first_seen)
    assert_frame_equal(whole.revisions, pieces.revisions)
    again = merge(pieces.first_seen, pieces.revisions, seen(rows))
    assert_frame_equal(again.first_seen, whole.first_seen)
    assert_frame_equal(again.revisions, whole.revisions)
    assert (again.added, again.revised) == (0, 0)


@given(rows=ROWS)
def test_every_value_is_kept_exactly_once_and_the_first_is_the_earliest(rows: list[Row]) -> None:
    found = merged(rows)
    kept = told(found.first_seen) + told(found.revisions)
    assert sorted(kept) == sorted({(minute, close) for minute, close, _, _ in rows})
    for minute, close in told(found.first_seen):
        earliest = min(at for m, _, at, _ in rows if m == minute and at is not None)
        assert (minute, close, earliest) in {(m, c, at) for m, c, at, _ in rows}


@given(rows=ROWS, minute=st.integers(-1, 5))
def test_as_of_is_what_had_been_received_by_then(rows: list[Row], minute: int) -> None:
    """Of each bar the value whose first receipt is the newest by that moment."""
    found = merged(rows)
    known = as_of(found.first_seen, found.revisions, START + timedelta(minutes=minute))
    assert known["open_time"].is_unique().all()
    for m, close in told(known):
        first_receipts: dict[float, int] = {}
        for other, value, at, _ in rows:
            if other == m and at is not None:
                first_receipts[value] = min(at, first_receipts.get(value, at))
        by_then = {value: at for value, at in first_receipts.items() if at <= minute}
        assert by_then[close] == max(by_then.values())
    assert {m for m, _ in told(known)} == {m for m, _, at, _ in rows if at is not None and at <= minute}


def test_a_file_is_the_record_and_replaces_everything() -> None:
    before = merged([(0, 100.0, 1, "candle"), (7, 1.0, 1, "candle")], [(0, 99.0, 5, "candle")])
    after = merge(
        before.first_seen, before.revisions, seen([(0, 98.0, None, "candle"), (1, 97.0, None, "candle")])
    )
    assert told(after.first_seen) == [(0, 98.0), (1, 97.0)]
    assert after.revisions.is_empty()
    assert (after.added, after.revised) == (1, 0)
    later = merge(after.first_seen, after.revisions, seen([(0, 90.0, 1, "candle")]))
    assert told(later.first_seen) == [(0, 98.0), (1, 97.0)]
    assert told(later.revisions) == [(0, 90.0)]
    assert told(as_of(later.first_seen, later.revisions, START)) == [(0, 98.0), (1, 97.0)]


def test_half_a_file_and_a_bar_twice_in_a_file_are_refused() -> None:
    with pytest.raises(BadData, match="found 1 of 2 without"):
        merged([(0, 100.0, 1, "candle"), (1, 100.0, None, "candle")])
    with pytest.raises(BadData, match="2 rows of 1 bars"):
        merged([(0, 100.0, None, "candle"), (0, 101.0, None, "candle")])
