"""Laws of rebuilt books: they equal a naive book, however the rows are cut, and are silent where they know nothing."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.market.rows import Parsed
from pipelines.market.schemas import BOOK_LEVELS, ORDER_BOOK
from pipelines.market.tardis.books import BookBuilder
from pipelines.market.tardis.layouts import BOOK_UPDATES, layout_of
from pipelines.market.tardis.rebuilding import Rebuilt, book_hash, rebuild, typed_updates
from pipelines.market.tardis.stream import stream
from tests.pipelines.market.tardis.naive_book import Row, Told, naive

DAY = datetime(2026, 3, 1, tzinfo=UTC)
START = int(DAY.timestamp()) * 10**6
SECOND = 10**6
SIDES = {"bid": 1, "ask": -1}


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    schema = {**BOOK_UPDATES, "#line": pl.Int64}
    return pl.DataFrame(rows, schema=list(schema), orient="row", infer_schema_length=None).cast(schema)  # type: ignore[arg-type]


def states(book: pl.DataFrame) -> list[Told]:
    found = []
    for row in book.with_columns(pl.col("time", "local_time").to_physical()).iter_rows(named=True):
        sides = [
            tuple(
                (row[f"{side}_price_{n}"], row[f"{side}_amount_{n}"])
                for n in range(1, BOOK_LEVELS + 1)
                if row[f"{side}_price_{n}"] is not None
            )
            for side in ("bid", "ask")
        ]
        found.append(Told(row["time"], row["local_time"], *sides))
    return found


def fed(
    rows: Sequence[Row], cuts: Sequence[int], lost: Sequence[int] = (), **options: bool
) -> tuple[pl.DataFrame, BookBuilder]:
    builder = BookBuilder(**options)  # type: ignore[arg-type]
    edges = [0, *sorted({cut for cut in cuts if cut < len(rows)}), len(rows)]
    told = []
    waiting = sorted(lost)
    for start, end in pairwise(edges):
        last = rows[end - 1][6] if end < len(rows) else 10**9
        told.append(builder.feed(frame(rows[start:end]), [line for line in waiting if line < last]))
        waiting = [line for line in waiting if line >= last]
    return pl.concat([*told, builder.finish()]), builder


@st.composite
def feeds(draw: st.DrawFn) -> list[Row]:
    """Groups of rows over few prices, so that levels meet, cross and vanish; snapshots anywhere."""
    rows: list[Row] = []
    local, line = START, 2
    for snapshot in draw(st.lists(st.sampled_from([True, False, False, False]), min_size=1, max_size=25)):
        local += draw(st.integers(1, 3))
        for _ in range(draw(st.integers(1, 8))):
            side = draw(st.sampled_from([1, -1]))
            price = 100.0 - side * draw(st.integers(-1, 14)) / 4
            amount = draw(st.sampled_from([0.0, 0.5, 1.0, 2.0]))
            mixed = snapshot if draw(st.integers(0, 9)) else not snapshot
            rows.append((local - 90, local, mixed, side, price, amount, line))
            line += 1
    return rows


@settings(max_examples=300, deadline=None)
@given(feeds(), st.lists(st.integers(1, 150), max_size=5))
def test_books_equal_a_naive_book_however_the_rows_are_cut(rows: list[Row], cuts: list[int]) -> None:
    book, builder = fed(rows, cuts, tell_unknown=False)
    told, _ = naive(rows)
    assert states(book) == told
    whole, _ = fed(rows, [], tell_unknown=False)
    assert book_hash([book]) == book_hash([whole])
    assert dict(book.schema) == ORDER_BOOK
    assert not (book["bid_price_1"] >= book["ask_price_1"]).any()
    assert builder.states.crossed >= 0


@settings(max_examples=200, deadline=None)
@given(feeds(), st.lists(st.integers(1, 150), max_size=5), st.lists(st.integers(0, 150), max_size=3))
def test_a_lost_line_silences_the_book_until_the_next_snapshot(
    rows: list[Row], cuts: list[int], places: list[int]
) -> None:
    lost = sorted({rows[place % len(rows)][6] for place in places})
    kept = [row for row in rows if row[6] not in lost]
    if not kept:
        return
    book, builder = fed(kept, cuts, lost, tell_unknown=False)
    told, _ = naive(kept, lost)
    assert states(book) == told
    known, _ = fed(kept, cuts, lost)
    spans = [(span.time, span.end) for span in builder.invalid if "quarantined" in span.reason]
    silent = [state for state in states(known) if any(start <= state.time < end for start, end in spans)]
    assert not [state for state in silent if state.bids or state.asks]
    assert all(states(known)[n] != states(known)[n + 1] for n in range(known.height - 1))


@settings(max_examples=60, deadline=None)
@given(feeds(), st.integers(1, 6))
def test_sampling_keeps_the_last_state_of_every_interval(rows: list[Row], every: int) -> None:
    all_states, _ = fed(rows, [], tell_unknown=False)
    builder = BookBuilder(every=timedelta(microseconds=every), tell_unknown=False)
    parts = [builder.feed(frame(rows[n : n + 7])) for n in range(0, len(rows), 7)]
    sampled = states(pl.concat([*parts, builder.finish()]))
    last = {state.local // every: state for state in states(all_states)}
    assert sampled == list(last.values())


def rows_of(*groups: tuple[int, bool, list[tuple[str, float, float]]]) -> list[Row]:
    line = iter(range(2, 10**6))
    return [
        (START + second * SECOND, START + second * SECOND, snapshot, SIDES[side], price, amount, next(line))
        for second, snapshot, levels in groups
        for side, price, amount in levels
    ]


SNAPSHOT = [("bid", 99.0, 1.0), ("ask", 101.0, 2.0)]


def test_a_book_worked_by_hand() -> None:
    rows = rows_of(
        (0, False, [("bid", 98.0, 5.0)]),  # before the first snapshot: unusable
        (1, True, SNAPSHOT),
        (2, False, [("bid", 100.0, 3.0), ("ask", 101.0, 0.0), ("ask", 102.0, 4.0)]),
        (3, False, [("bid", 102.0, 1.0)]),  # locked
        (4, False, [("bid", 102.0, 0.0), ("bid", 97.0, 0.0)]),
    )
    book, builder = fed(rows, [])
    seconds = [(state.time - START) // SECOND for state in states(book)]
    assert seconds == [1, 2, 3, 4]
    assert states(book)[1].bids == ((100.0, 3.0), (99.0, 1.0))
    assert states(book)[1].asks == ((102.0, 4.0),)
    assert states(book)[2].bids == ()  # a locked book is not known
    assert states(book)[3].bids == ((100.0, 3.0), (99.0, 1.0))
    assert (builder.states.crossed, builder.unknown_removals) == (1, 1)
    assert [span.sentence for span in builder.invalid] == [
        "book invalid 2026-03-01 00:00:00–00:00:01: no snapshot came before"
    ]


def test_a_gap_is_a_row_without_levels_and_a_span_with_its_seconds() -> None:
    rows = rows_of(
        (1, True, SNAPSHOT),
        (2, False, [("bid", 99.5, 1.0)]),
        (10, True, SNAPSHOT),  # the recorder came back
        (11, False, [("bid", 99.5, 1.0)]),
    )
    book, builder = fed(rows, [])
    assert [((s.time - START) // SECOND, len(s.bids)) for s in states(book)] == [
        (1, 1),
        (2, 2),
        (2, 0),
        (10, 1),
        (11, 2),
    ]
    assert [span.sentence for span in builder.invalid] == [
        "book invalid 2026-03-01 00:00:02–00:00:10: the recorder started anew from a snapshot"
    ]


def test_a_disconnect_ends_what_is_known() -> None:
    builder = BookBuilder()
    rows = rows_of(
        (1, True, SNAPSHOT),
        (2, False, [("bid", 99.5, 1.0)]),
        (5, False, [("bid", 99.6, 1.0)]),
        (9, True, SNAPSHOT),
    )
    told = [
        builder.feed(frame(rows[:3])),
        builder.disconnect(),
        builder.feed(frame(rows[3:])),
        builder.finish(),
    ]
    assert [((s.time - START) // SECOND, len(s.bids)) for s in states(pl.concat(told))] == [
        (1, 1),
        (2, 2),
        (2, 0),
        (9, 1),
    ]
    assert [span.sentence for span in builder.invalid] == [
        "book invalid 2026-03-01 00:00:02–00:00:09: the recorder was disconnected"
    ]


def test_time_that_runs_backwards_silences_the_book() -> None:
    rows = rows_of(
        (1, True, SNAPSHOT),
        (5, False, [("bid", 99.5, 1.0)]),
        (4, False, [("bid", 99.6, 1.0)]),
        (9, True, SNAPSHOT),
    )
    book, builder = fed(rows, [3])
    assert [((s.time - START) // SECOND, len(s.bids)) for s in states(book)] == [
        (1, 1),
        (5, 2),
        (4, 0),
        (9, 1),
    ]
    assert [span.reason for span in builder.invalid] == ["local_timestamp runs backwards"]


def test_a_day_begins_with_its_snapshot_and_without_one_is_not_known() -> None:
    builder = BookBuilder()
    whole = rows_of((1, True, SNAPSHOT), (2, False, [("bid", 99.5, 1.0)]))
    second = rows_of((3, True, SNAPSHOT), (4, False, [("bid", 99.5, 2.0)]))
    headless = rows_of((5, False, [("bid", 99.7, 1.0)]))
    told = [
        builder.feed(frame(whole)),
        builder.end_of_day(),
        builder.feed(frame(second)),
        builder.end_of_day(),
    ]
    assert not builder.invalid
    told += [builder.feed(frame(headless)), builder.finish()]
    assert [len(s.bids) for s in states(pl.concat(told))] == [1, 2, 1, 2, 0]
    one = rows_of((3, True, SNAPSHOT), (3, True, [("ask", 103.0, 1.0)]))
    feed_of_snapshots = [*one, *rows_of((4, True, [("bid", 98.0, 1.0), ("ask", 103.0, 1.0)]))]
    assert [s.bids for s in states(fed(feed_of_snapshots, [], snapshots_replace=True)[0])][-1] == (
        (98.0, 1.0),
    )
    assert [s.bids for s in states(fed(feed_of_snapshots, [])[0])][-1] == ((99.0, 1.0), (98.0, 1.0))


def test_a_snapshot_of_many_levels_is_read_at_once() -> None:
    levels = [("bid", 99.0 - n / 8, 1.0 + n) for n in range(500)] + [
        ("ask", 101.0 + n / 8, 1.0) for n in range(500)
    ]
    rows = rows_of((1, True, levels), (2, False, [("bid", 99.0 - n / 8, 0.0) for n in range(495)]))
    assert states(fed(rows, [], tell_unknown=False)[0]) == naive(rows)[0]


L2 = b"exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"


def lines_of(rows: list[Row]) -> bytes:
    return L2 + b"".join(
        f"deribit,BTC-PERPETUAL,{t},{local},{str(s).lower()},{'bid' if side > 0 else 'ask'},{p},{a}\n".encode()
        for t, local, s, side, p, a, _ in rows
    )


def test_files_of_two_days_give_one_book_and_a_quarantined_row_its_span() -> None:
    first = rows_of((1, True, SNAPSHOT), (2, False, [("bid", 99.5, 1.0)]), (3, False, [("ask", 100.5, 1.0)]))
    text = lines_of(first).replace(b"99.5,1.0", b"99.5,nan")
    second = rows_of(
        (61, True, SNAPSHOT), (62, False, [("bid", 99.5, 1.0)]), (63, False, [("ask", 100.5, 1.0)])
    )
    window = (DAY - timedelta(days=1), DAY + timedelta(days=1))

    def days() -> list[Iterator[Parsed]]:
        files = {"a": text, "b": lines_of(second)}
        return [stream([raw], layout_of("incremental_book_L2"), name, window) for name, raw in files.items()]

    once, twice = rebuild(days()), rebuild(days())
    assert book_hash([once.book]) == book_hash([twice.book])
    assert (once.updates, once.quarantine.height, once.label) == (7, 1, "deribit BTC-PERPETUAL")
    assert [((s.time - START) // SECOND, len(s.bids)) for s in states(once.book)] == [
        (61, 1),
        (62, 2),
        (63, 2),
    ]
    assert once.notes == ("book invalid 2026-03-01 00:00:01–00:01:01: line 4 is quarantined",)
    assert once.invalid.rows() == [
        (DAY + timedelta(seconds=1), DAY + timedelta(seconds=61), "line 4 is quarantined")
    ]


def test_a_span_of_a_rebuild_keeps_and_counts_itself_alone() -> None:
    """Crossed states, unknown removals, invalid spans, updates and refused rows outside of it are none of it."""
    groups: list[tuple[int, bool, list[tuple[str, float, float]]]] = []
    for start in (0, 100, 200):
        groups += [
            (start, True, SNAPSHOT),
            (start + 1, False, [("bid", 101.0, 1.0)]),  # locked
            (start + 2, False, [("bid", 101.0, 0.0), ("bid", 50.0, 0.0)]),
        ]
    text = lines_of(rows_of(*groups)) + b"broken,row,of,no,use,at,all,1\n"
    window = (DAY - timedelta(days=1), DAY + timedelta(days=1))
    span = (DAY + timedelta(seconds=100), DAY + timedelta(seconds=150))

    def rebuilt(span: tuple[datetime, datetime] | None) -> Rebuilt:
        return rebuild([stream([text], layout_of("incremental_book_L2"), "f", window)], span=span)

    whole, part = rebuilt(None), rebuilt(span)
    assert part.book.equals(whole.book.filter(pl.col("time").is_between(*span, closed="left")))
    assert (whole.updates, whole.crossed, whole.quarantine.height) == (15, 3, 1)
    assert (part.updates, part.crossed, part.quarantine.height) == (5, 1, 0)
    assert "3 removals named a level that was not in the book" in whole.notes
    assert (
        part.notes
        == (
            "book invalid 2026-03-01 00:00:02–00:01:40: the recorder started anew from a snapshot",
            "book invalid 2026-03-01 00:01:42–00:03:20: the recorder started anew from a snapshot",
            "1 crossed or locked book states were left out",
            "1 removals named a level that was not in the book",
        )[1:]
    )


def test_a_level_removed_under_an_older_stamp_does_not_come_back() -> None:
    rows = [
        (START, START, True, 1, 100.0, 1.0, 2),
        (START, START, True, -1, 101.0, 1.0, 3),
        (START + SECOND, START + SECOND + 100, False, 1, 100.5, 5.0, 4),
        (START + SECOND * 9 // 10, START + SECOND + 200, False, 1, 100.5, 0.0, 5),
        (START + 30 * SECOND, START + 30 * SECOND, False, -1, 101.0, 2.0, 6),
    ]
    window = (DAY - timedelta(days=1), DAY + timedelta(days=1))
    found = rebuild([stream([lines_of(rows)], layout_of("incremental_book_L2"), "f", window)])
    book = found.book.sort("time", maintain_order=True)
    assert book["bid_price_1"].to_list() == [100.0, 100.5, 100.0, 100.0]


def test_rows_of_another_market_between_a_book_s_own_are_none_of_it() -> None:
    rows = rows_of((1, True, SNAPSHOT), *((n, False, [("bid", 99.0 + n / 100, 1.0)]) for n in range(2, 30)))
    header, *lines = lines_of(rows).decode().splitlines(keepends=True)
    mixed = [text for line in lines for text in (line, line.replace("BTC-PERPETUAL", "ETH-PERPETUAL"))][:-3]
    window = (DAY - timedelta(days=1), DAY + timedelta(days=1))

    def rebuilt(body: list[str]) -> tuple[int, int, tuple[str, ...]]:
        raw = "".join([header, *body]).encode()
        found = rebuild([stream([raw], layout_of("incremental_book_L2"), "f", window)])
        return found.book.height, found.quarantine.height, found.notes

    assert rebuilt(mixed) == (28, 28, ())
    alone = [*lines[:9], lines[9].replace("BTC", "BTX"), *lines[10:]]
    height, quarantined, notes = rebuilt(alone)
    assert (height, quarantined, len(notes)) == (8, 1, 1)


def test_updates_of_a_normalised_feed_are_typed_exactly() -> None:
    texts = pl.DataFrame(
        {
            "timestamp": [START],
            "local_timestamp": [START + 5],
            "is_snapshot": [True],
            "side": ["ask"],
            "price": ["63943.9"],
            "amount": ["0.003"],
        }
    )
    typed = typed_updates(texts)
    assert typed.rows() == [(DAY, DAY + timedelta(microseconds=5), True, -1, 63943.9, 0.003, 2)]
    assert dict(typed.drop("#line").schema) == BOOK_UPDATES


@pytest.mark.parametrize("frames", [1, 3])
def test_the_hash_is_of_the_rows_not_of_their_frames(frames: int) -> None:
    book, _ = fed(
        rows_of((1, True, SNAPSHOT), *((n, False, [("bid", 99.0 + n / 100, 1.0)]) for n in range(2, 9))), []
    )
    cut = [book[n * book.height // frames : (n + 1) * book.height // frames] for n in range(frames)]
    assert book_hash(cut) == book_hash([book])
    assert book_hash([book[1:]]) != book_hash([book])
    assert book_hash([book.with_columns(pl.col("time") + timedelta(microseconds=1))]) != book_hash([book])
