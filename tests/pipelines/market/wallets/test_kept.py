"""Laws of kept fills: nothing stored is lost, nothing is counted twice, and what a venue forgot is not unknown."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipelines.market.schemas import FILLS
from pipelines.market.wallets.kept import (
    ASKED,
    OVERLAP,
    WALLET_EVIDENCE,
    ask_from,
    merge,
    refused,
    with_evidence,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
fill = st.tuples(
    st.integers(0, 3).map(lambda n: START + n * HOUR),
    st.sampled_from(["0xa", "0xb"]),
    st.just("BTC"),
    st.sampled_from([-1, 1]),
    st.sampled_from([100.5, 101.0]),
    st.sampled_from([0.25, 1.0]),
    st.none(),
)
fills = st.lists(fill, max_size=12).flatmap(
    lambda rows: st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)).map(
        lambda named: [
            (*row[:6], number if known else None)
            for number, (row, known) in enumerate(zip(rows, named, strict=True))
        ]
    )
)


def table(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=FILLS, orient="row")


def said(*rows: tuple[str, float, float, str]) -> pl.DataFrame:
    """WALLET_EVIDENCE of (wallet, first hour, last hour, kind)."""
    spans = [(a, START + b * HOUR, START + c * HOUR, kind, "why", START) for a, b, c, kind in rows]
    return pl.DataFrame(spans, schema=WALLET_EVIDENCE, orient="row")


@given(fills, st.data())
def test_whatever_part_a_venue_still_has_the_whole_stays(
    rows: list[tuple[object, ...]], data: st.DataObject
) -> None:
    """A record that lost its oldest fills, or answers nothing at all, takes nothing away; asking again adds nothing."""
    whole = merge(table([]), table(rows))
    assert whole.added == len(rows)
    part = data.draw(st.lists(st.sampled_from(rows), unique_by=id) if rows else st.just([]))
    again = merge(whole.rows, table(part))
    assert again.rows.equals(whole.rows)
    assert (again.added, again.changed.height) == (0, 0)


@given(fills, st.integers(0, 12))
def test_fills_in_two_parts_are_the_fills_at_once(rows: list[tuple[object, ...]], cut: int) -> None:
    """Named fills overlap freely; nameless ones are told apart by how many equal ones an answer holds."""
    first = merge(table([]), table(rows[:cut])).rows
    assert merge(first, table(rows)).rows.equals(merge(table([]), table(rows)).rows)


def test_both_sides_of_one_trade_are_two_fills_and_a_changed_one_stays_as_it_was_first_seen() -> None:
    one = (START, "0xa", "BTC", 1, 100.0, 1.0, 7)
    found = merge(table([one]), table([(*one[:3], -1, *one[4:]), (*one[:4], 999.0, *one[5:])]))
    assert found.rows.sort("side")["price"].to_list() == [100.0, 100.0]
    assert found.added == 1
    assert found.changed["price"].to_list() == [999.0]
    aside = refused(found.changed, "BTC-USDC fills")
    assert aside["reason"][0].startswith("comes again with other values")
    assert "999.0" in aside["text"][0]


def test_who_was_never_asked_for_is_asked_from_the_start_and_others_from_their_newest_fill() -> None:
    stored = table([(START + 30 * HOUR, "0xa", "BTC", 1, 1.0, 1.0, 1)])
    asked = said(("0xa", 0, 50, ASKED))
    assert ask_from(stored, asked, ["0xA"], START) == START + 30 * HOUR - OVERLAP
    assert ask_from(stored, asked, ["0xa", "0xb"], START) == START, "a wallet that was added"
    assert ask_from(stored, asked, ["0xa"], START - HOUR) == START - HOUR, "a universe that begins earlier"
    assert ask_from(stored, asked.clear(), ["0xa"], START) == START, (
        "stored before anybody kept what was asked"
    )
    quiet = said(("0xb", 0, 50, ASKED))
    assert ask_from(stored, quiet, ["0xb"], START) == START + 50 * HOUR - OVERLAP, (
        "it trades other coins only"
    )
    assert ask_from(stored, asked, [], START) == START


def test_what_a_venue_forgot_of_a_span_that_was_asked_for_is_not_unknown() -> None:
    first = with_evidence(said(), said(("0xa", 0, 10, ASKED)))
    then = with_evidence(
        first, said(("0xa", 0, 8, "unknown"), ("0xa", 9, 20, ASKED), ("0xb", 0, 8, "unknown"))
    )
    assert then.select("address", "kind").rows() == [("0xa", ASKED), ("0xb", "unknown")]
    assert (then["time"][0], then["end"][0]) == (START, START + 20 * HOUR)
    late = with_evidence(then, said(("0xa", 0, 25, "unknown")))
    gap = late.filter(address="0xa", kind="unknown").row(0, named=True)
    assert (gap["time"], gap["end"]) == (START + 19 * HOUR, START + 25 * HOUR)
    assert with_evidence(late, said(("0xa", 0, 25, "unknown"))).equals(late)
    earlier = with_evidence(then, said(("0xa", -5, 8, "unknown"))).filter(address="0xa", kind="unknown")
    assert earlier["time"].to_list() == [START - 5 * HOUR], "a universe that begins before what was asked for"
