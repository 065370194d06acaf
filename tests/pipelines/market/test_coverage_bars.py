"""assembly with evidence and a second market: what becomes a row, what stays unknown; nothing is carried over that."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipelines.market.assembly import Assembly, Told, assemble, assemble_told
from pipelines.market.bars import longer, one_minute, quality
from pipelines.market.coverage import adds_up, coverage, listed, totals
from pipelines.market.schemas import BARS, EVIDENCE, FIRST_SEEN
from tests.pipelines.market.test_bars import NO_CANDLES, NO_TICKS, START, at, candles, ticks, told

NOW = datetime(2024, 7, 20, tzinfo=UTC)


def first_seen(
    rows: dict[int, tuple[float, float]], origin: str = "candle", name: str = "one.BTC-USD"
) -> pl.DataFrame:
    frame = candles(rows).with_columns(seen_at=pl.lit(NOW), origin=pl.lit(origin), market=pl.lit(name))
    return frame.cast(pl.Schema(FIRST_SEEN))


def said(*spans: tuple[int, int, str]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"time": at(a), "end": at(b), "kind": kind, "reason": "asked twice", "seen_at": NOW}
            for a, b, kind in spans
        ],
        schema=EVIDENCE,
    )


def minutely(given: Told, ticks_of: pl.DataFrame = NO_TICKS) -> Assembly:
    return assemble_told(ticks_of, given, given, "1m")


def test_verified_empty_minutes_carry_a_known_close_and_only_that() -> None:
    found = minutely(
        Told(
            first_seen({1: (101.0, 5.0), 5: (105.0, 5.0)}),
            said((0, 1, "verified-empty"), (2, 4, "verified-empty")),
        )
    )
    assert told(found.bars) == [
        *(
            (1, "candle", 101.0),
            (2, "verified-empty", 101.0),
            (3, "verified-empty", 101.0),
            (5, "candle", 105.0),
        )
    ]
    empty = found.bars.row(2, named=True)
    assert (empty["open"], empty["high"], empty["low"], empty["volume"], empty["trades"]) == (
        101.0,
        101.0,
        101.0,
        0.0,
        0,
    )
    assert quality(found.bars, "1m").sound


@pytest.mark.parametrize("kind", ["unknown", "venue-down"])
def test_unknown_and_down_minutes_are_no_rows_and_nothing_is_carried_over_them(kind: str) -> None:
    evidence = said((1, 2, kind), (2, 4, "verified-empty"))
    found = minutely(Told(first_seen({0: (100.0, 5.0), 4: (104.0, 5.0)}), evidence))
    assert told(found.bars) == [(0, "candle", 100.0), (4, "candle", 104.0)]


def test_a_later_word_of_an_outage_takes_an_empty_row_back() -> None:
    evidence = pl.concat(
        [
            said((1, 2, "verified-empty")),
            said((1, 2, "venue-down")).with_columns(pl.col("seen_at") + timedelta(hours=1)),
        ]
    )
    assert told(minutely(Told(first_seen({0: (100.0, 5.0)}), evidence)).bars) == [(0, "candle", 100.0)]


def test_the_origin_of_a_candle_is_kept() -> None:
    mixed = pl.concat(
        [
            first_seen({0: (100.0, 5.0)}),
            first_seen({1: (101.0, 5.0)}, "ticks"),
            first_seen({2: (102.0, 0.0)}, "second-venue"),
        ]
    )
    assert told(minutely(Told(mixed)).bars) == [
        (0, "candle", 100.0),
        (1, "ticks", 101.0),
        (2, "second-venue", 102.0),
    ]
    unsaid = mixed.with_columns(origin=pl.lit(None, pl.String))
    assert told(minutely(Told(unsaid)).bars)[1] == (1, "candle", 101.0)


def test_another_venues_bar_yields_to_whatever_the_ticks_of_this_one_say() -> None:
    """Minute 1 at the edge of the recording, minute 2 without a trade: volume elsewhere disproves neither."""
    other = first_seen({1: (90.0, 5.0), 2: (90.0, 5.0), 3: (90.0, 5.0)}, "second-venue")
    found = minutely(Told(other), ticks({1: 101.0, 2: None}))
    assert told(found.bars) == [(1, "ticks", 101.0), (2, "verified-empty", 101.0), (3, "second-venue", 90.0)]


def test_an_empty_hour_follows_a_known_one() -> None:
    given = Told(
        candles({0: (100.0, 5.0), 3: (100.0, 5.0)}, step=60),
        said((60, 120, "verified-empty"), (120, 130, "verified-empty")),
    )
    bars = assemble_told(NO_TICKS, Told(NO_CANDLES), given, "1h").bars
    assert bars.select("origin", "close").rows() == [
        ("candle", 100.0),
        ("verified-empty", 100.0),
        ("candle", 100.0),
    ]


def test_without_evidence_the_bars_are_those_of_ticks_and_candles_alone() -> None:
    feed, known = ticks({0: 100.0, 1: None, 2: 102.0}), candles(dict.fromkeys(range(2, 12), (90.0, 5.0)))
    for timeframe in ("1m", "5m"):
        given = assemble_told(feed, Told(known), Told(NO_CANDLES), timeframe)
        assert_frame_equal(given.bars, assemble(feed, known, NO_CANDLES, timeframe))
    assert given.evidence.is_empty()


SPANS = st.lists(
    st.tuples(
        st.integers(0, 30), st.integers(1, 6), st.sampled_from(["verified-empty", "unknown", "venue-down"])
    ).map(lambda x: (x[0], x[0] + x[1], x[2])),
    max_size=6,
)
CLOSES = st.dictionaries(
    st.integers(0, 30), st.sampled_from([(100.0, 5.0), (101.0, 5.0), (102.0, 0.0)]), min_size=1
)


@given(known=CLOSES, feed=st.dictionaries(st.integers(0, 30), st.sampled_from([100.0, None])), spans=SPANS,
       other=st.sets(st.integers(0, 30)))  # fmt: skip
def test_a_bar_is_carried_only_from_the_bar_right_before_it_and_the_ledger_adds_up(
    known: dict[int, tuple[float, float]],
    feed: dict[int, float | None],
    spans: list[tuple[int, int, str]],
    other: set[int],
) -> None:
    """The law of gaps: nothing is forward-filled over an unknown or venue-down minute, whatever sources say."""
    filled = dict.fromkeys(sorted(other - set(known)), (100.4, 1.0))
    rows = pl.concat(
        [first_seen(dict(sorted(known.items()))), first_seen(filled, "second-venue", "two.BTC-USD")]
    )
    given = Told(rows.sort("open_time"), said(*spans))
    found = minutely(given, ticks(dict(sorted(feed.items()))) if feed else NO_TICKS)
    bars = found.bars
    assert bars.schema == pl.Schema(BARS)
    assert quality(bars, "1m").sound
    previous: dict[str, object] | None = None
    for bar in bars.iter_rows(named=True):
        minute = int((bar["open_time"] - START).total_seconds() // 60)
        if bar["origin"] == "verified-empty":
            adjacent = previous is not None and previous["open_time"] == at(minute - 1)
            own = known.get(minute, (None, None))
            assert bar["close"] == (previous["close"] if adjacent and previous else own[0])
        previous = bar
    ledger = coverage((at(0), at(40)), bars, found.evidence, "1m")
    assert adds_up(ledger, bars, 40) == ()
    assert totals(ledger)["present"] + totals(ledger)["verified-empty"] == bars.height
    missing = set(
        listed(ledger, "1m").filter(~pl.col("kind").is_in(["present", "verified-empty"]))["open_time"]
    )
    assert not missing & set(bars["open_time"])


def test_a_minute_that_is_unknown_makes_its_hour_unknown() -> None:
    bars = one_minute(NO_TICKS, candles({m: (100.0, 5.0) for m in range(120) if m != 70}))
    hours = longer(bars, "1h")
    ledger = coverage((at(0), at(120)), hours, said((70, 71, "venue-down")), "1h")
    assert [row[2] for row in ledger.rows()] == ["present", "venue-down"]
