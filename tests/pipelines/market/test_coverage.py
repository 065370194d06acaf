"""coverage: every expected bar is in exactly one span, of the right kind, with its reason. Goldens, then laws."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import NotEnoughEvidence
from pipelines.market.coverage import (
    KINDS,
    adds_up,
    coverage,
    expected_opens,
    interior,
    listed,
    missing_spans,
    require_known,
    span_of,
    spoken,
    totals,
    unknown_share,
)
from pipelines.market.schemas import COVERAGE, EVIDENCE, UTC_US

START = datetime(2024, 7, 19, tzinfo=UTC)
Said = tuple[int, int, str, int]  # from minute, to minute, kind, seen at minute


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def rows(origins: dict[int, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"open_time": [at(m) for m in origins], "origin": list(origins.values())},
        schema={"open_time": UTC_US, "origin": pl.String},
    )


def said(*spans: Said) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"time": at(a), "end": at(b), "kind": kind, "reason": f"{kind} at {seen}", "seen_at": at(seen)}
            for a, b, kind, seen in spans
        ],
        schema=EVIDENCE,
    )


def spans(ledger: pl.DataFrame) -> list[tuple[int, int, str]]:
    minutes = [(ledger[name] - START).dt.total_minutes().to_list() for name in ("time", "end")]
    return list(zip(*minutes, ledger["kind"].to_list(), strict=True))


def test_rows_are_present_or_empty_and_evidence_says_what_the_others_are() -> None:
    bars = rows({0: "ticks", 1: "candle", 2: "verified-empty", 6: "second-venue"})
    ledger = coverage((at(0), at(9)), bars, said((3, 4, "venue-down", 9), (4, 5, "unknown", 9)), "1m")
    assert spans(ledger) == [
        *((0, 2, "present"), (2, 3, "verified-empty"), (3, 4, "venue-down"), (4, 5, "unknown")),
        *((5, 6, "unknown"), (6, 7, "present"), (7, 9, "unknown")),
    ]
    assert ledger["reason"].to_list()[2:5] == [
        *("venue-down at 9", "unknown at 9", "no source has said anything about it")
    ]
    assert totals(ledger) == {"present": 3, "verified-empty": 1, "unknown": 4, "venue-down": 1}
    assert ledger.schema == pl.Schema(COVERAGE)


def test_an_empty_minute_without_a_close_to_carry_is_unknown_and_not_asked_for_again() -> None:
    """It is no row, so it cannot count as one; the venue has answered, so asking again is no use."""
    evidence = said((3, 5, "verified-empty", 9))
    ledger = coverage((at(3), at(6)), rows({}), evidence, "1m")
    assert totals(ledger)["unknown"] == 3
    assert "nobody traded" in ledger["reason"][0]
    assert missing_spans((at(3), at(6)), rows({}), evidence, "1m") == [(at(5), at(6))]


@pytest.mark.parametrize(
    ("evidence", "kind", "asked"),
    [
        ([(0, 1, "unknown", 1), (0, 1, "verified-empty", 2)], "verified-empty", False),
        ([(0, 1, "verified-empty", 1), (0, 1, "unknown", 2)], "verified-empty", False),
        ([(0, 1, "venue-down", 1), (0, 1, "verified-empty", 2)], "verified-empty", False),
        ([(0, 1, "verified-empty", 1), (0, 1, "venue-down", 2)], "venue-down", True),
        ([(0, 1, "verified-empty", 2), (0, 1, "venue-down", 2)], "venue-down", True),
        ([(0, 1, "venue-down", 1), (0, 1, "unknown", 2)], "venue-down", True),
    ],
)
def test_the_last_answer_holds_and_no_answer_unsays_none(
    evidence: list[Said], kind: str, asked: bool
) -> None:
    for order in (evidence, evidence[::-1]):
        found = spoken(expected_opens((at(0), at(1)), "1m"), said(*order), "1m")
        assert found["kind"].to_list() == [kind]
        assert bool(missing_spans((at(0), at(1)), rows({}), said(*order), "1m")) == asked


def test_part_of_a_bar_can_be_down_but_not_verified_empty() -> None:
    half = said((10, 20, "venue-down", 9), (60, 90, "verified-empty", 9))
    ledger = coverage((at(0), at(120)), rows({}), half, "1h")
    assert spans(ledger) == [(0, 60, "venue-down"), (60, 120, "unknown")]
    assert ledger["reason"][1] == "no source has said anything about it"


def test_missing_spans_ask_for_the_unknown_and_the_unheard_of_and_after_an_outage() -> None:
    stored, evidence = (
        rows({0: "candle", 1: "ticks", 7: "candle"}),
        said((3, 5, "verified-empty", 9), (5, 6, "venue-down", 9)),
    )
    assert missing_spans((at(0), at(9)), stored, evidence, "1m") == [
        (at(2), at(3)), (at(5), at(7)), (at(8), at(9)),
    ]  # fmt: skip
    assert missing_spans((at(0), at(2)), stored, evidence, "1m") == []


def test_spans_do_not_reach_over_the_night() -> None:
    """Two sessions of three minutes: what is between them is not expected, hence neither known nor missing."""
    opens = pl.Series([at(m) for m in (0, 1, 2, 100, 101, 102)], dtype=UTC_US)
    bars = rows(dict.fromkeys((0, 1, 2, 100, 102), "candle"))
    ledger = coverage((at(-9), at(999)), bars, said(), "1m", opens)
    assert spans(ledger) == [
        (0, 3, "present"),
        (100, 101, "present"),
        (101, 102, "unknown"),
        (102, 103, "present"),
    ]
    assert missing_spans((at(-9), at(999)), bars, said(), "1m", opens) == [(at(101), at(102))]


MINUTES = st.integers(-5, 40)
STATED = st.lists(
    st.tuples(MINUTES, st.integers(1, 9), st.sampled_from(KINDS[1:]), st.integers(0, 3)).map(
        lambda x: (x[0], x[0] + x[1], x[2], x[3])
    ),
    max_size=8,
)
KNOWN = st.dictionaries(
    MINUTES, st.sampled_from(["ticks", "candle", "second-venue", "verified-empty"]), max_size=30
)


@given(
    known=KNOWN, stated=STATED, closed=st.sets(MINUTES, max_size=10), timeframe=st.sampled_from(["1m", "5m"])
)
def test_every_expected_bar_is_in_exactly_one_span(
    known: dict[int, str], stated: list[Said], closed: set[int], timeframe: str
) -> None:
    length = {"1m": 1, "5m": 5}[timeframe]
    span = (at(0), at(35))
    wanted = [m for m in range(0, 35, length) if m not in closed]
    bars = rows({m: origin for m, origin in known.items() if m in wanted})
    ledger = coverage(span, bars, said(*stated), timeframe, pl.Series([at(m) for m in wanted], dtype=UTC_US))
    each = listed(ledger, timeframe)
    assert (each["open_time"] - START).dt.total_minutes().to_list() == wanted
    assert sum(totals(ledger).values()) == len(wanted)
    assert (ledger["end"] - ledger["time"]).to_list() == [
        timedelta(minutes=length * n) for n in ledger["bars"]
    ]
    assert (ledger["time"][1:] >= ledger["end"][:-1]).all()
    by_minute = dict(zip(wanted, each["kind"].to_list(), strict=True))
    for minute, origin in known.items():
        if minute in by_minute:
            assert by_minute.pop(minute) == ("verified-empty" if origin == "verified-empty" else "present")
    assert set(by_minute.values()) <= {"unknown", "venue-down"}
    assert adds_up(ledger, bars, len(wanted)) == ()


@given(known=KNOWN, stated=STATED)
def test_what_is_missing_is_what_is_neither_stored_nor_verified_empty(
    known: dict[int, str], stated: list[Said]
) -> None:
    asked = missing_spans((at(0), at(35)), rows(known), said(*stated), "1m")
    minutes = {m for a, b in asked for m in range(35) if a <= at(m) < b}
    empty = {m for m in range(35) if any(a <= m < b and kind == "verified-empty" for a, b, kind, _ in stated)}
    down = {m for m in range(35) if any(a <= m < b and kind == "venue-down" for a, b, kind, _ in stated)}
    assert not minutes & set(known)
    assert minutes >= set(range(35)) - set(known) - empty
    assert not minutes & (empty - down)
    assert all(b < c for (_, b), (c, _) in pairwise(asked))


def test_a_ledger_of_other_bars_does_not_add_up() -> None:
    bars = rows({0: "candle", 1: "verified-empty"})
    ledger = coverage((at(0), at(3)), bars, said(), "1m")
    assert adds_up(ledger, bars, 3) == ()
    assert adds_up(ledger, bars, 4) == ("3 bars in the ledger, 4 expected",)
    more = rows({0: "candle", 1: "candle", 7: "candle"})
    assert adds_up(ledger, more, 3) == (
        "2 known bars in the ledger, 3 rows", "1 verified-empty bars in the ledger, 0 rows of them",
    )  # fmt: skip
    assert adds_up(pl.concat([ledger, ledger]), bars, 6)[-1] == "1 overlapping spans"


def test_the_share_is_of_the_interior_and_the_refusal_names_the_longest_spans() -> None:
    """10 before the first bar and 10 after the last do not count; inside, 5 of 20 are unknown."""
    bars = rows(dict.fromkeys([*range(10, 14), *range(15, 20), *range(21, 25), *range(28, 30)], "candle"))
    ledger = coverage((at(0), at(40)), bars, said(), "1m")
    share = unknown_share(ledger)
    assert (share.unknown, share.expected, share.value) == (5, 20, 0.25)
    assert span_of(interior(ledger).rename({"time": "open_time"}), "1m") == (at(10), at(29))
    assert require_known(ledger, 0.25, "BTC-USD 1m") == share
    with pytest.raises(NotEnoughEvidence) as refusal:
        require_known(ledger, 0.2, "BTC-USD 1m")
    assert (
        "not enough evidence: of BTC-USD 1m 5 of 20 bars are unknown (25.00%), expected at most 20.00%"
        in str(refusal.value)
    )
    assert "longest: 2024-07-19 00:25 to 2024-07-19 00:28 (3 bars), 2024-07-19 00:14 to" in str(refusal.value)


def test_waived_bars_count_neither_as_unknown_nor_as_expected() -> None:
    """Excusing a long hole must not make the others look smaller: 2 of 12 after waiving 98 of 110."""
    bars = rows(dict.fromkeys([*range(5), *range(103, 106), 107, 109], "candle"))
    ledger = coverage((at(0), at(110)), bars, said(), "1m")
    waived = [(at(4), at(103)), (at(50), at(60))]
    share = unknown_share(ledger, waived)
    assert (share.unknown, share.expected, share.waived) == (2, 12, 98)
    half = unknown_share(ledger, [(at(5) - timedelta(seconds=1), at(10) + timedelta(seconds=1))])
    assert half.waived == 6  # bars that open inside: 5 to 10
    with pytest.raises(NotEnoughEvidence, match="longest: 2024-07-19 01:46 to"):
        require_known(ledger, 0.1, "BTC-USD 1m", waived)


def test_nothing_known_is_no_evidence() -> None:
    ledger = coverage((at(0), at(5)), rows({}), said(), "1m")
    assert unknown_share(ledger).value == 1.0
    with pytest.raises(NotEnoughEvidence, match="of BTC-USD 1m no bar is known"):
        require_known(ledger, 1.0, "BTC-USD 1m")
