"""second_market: what is filled is a row with its own market and moment; what is not says why, once."""

from datetime import timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipelines.market.assembly import Told, assemble_told
from pipelines.market.bitemporal import merge
from pipelines.market.coverage import coverage, weighty
from pipelines.market.schemas import EVIDENCE, FIRST_SEEN, REVISIONS
from pipelines.market.second_market import fills, only_of
from tests.pipelines.market.test_bars import NO_CANDLES, NO_TICKS, at, candles, told
from tests.pipelines.market.test_coverage_bars import NOW, first_seen, minutely, said

SECOND = "two.BTC-USD"
NO_REVISION = pl.DataFrame(schema=REVISIONS)


def filled(first: pl.DataFrame, evidence: pl.DataFrame, second: pl.DataFrame, timeframe: str = "1m") -> Told:
    found = fills(first, evidence, second, timeframe)
    whole = merge(first, NO_REVISION, found.rows).first_seen
    return Told(whole, weighty(pl.concat([evidence, found.left])))


def test_a_second_market_fills_what_is_unknown_but_not_an_outage() -> None:
    first = first_seen({0: (100.0, 5.0), 4: (100.0, 5.0)})
    second = first_seen(dict.fromkeys(range(6), (100.2, 7.0)), name=SECOND)
    found = minutely(filled(first, said((1, 2, "venue-down"), (2, 3, "unknown")), second))
    assert told(found.bars) == [
        *((0, "candle", 100.0), (2, "second-venue", 100.2), (3, "second-venue", 100.2), (4, "candle", 100.0))
    ]


def test_what_was_filled_is_seen_when_everything_that_it_needs_was() -> None:
    later = NOW + timedelta(hours=3)
    first = first_seen({0: (100.0, 5.0), 2: (100.0, 5.0)})
    second = first_seen(dict.fromkeys(range(3), (100.2, 7.0)), name=SECOND).with_columns(
        seen_at=pl.lit(later).cast(FIRST_SEEN["seen_at"])
    )
    rows = fills(first, pl.DataFrame(schema=EVIDENCE), second, "1m").rows
    assert rows.select("open_time", "origin", "market", "seen_at").rows() == [
        (at(1), "second-venue", SECOND, later)
    ]


def test_the_venues_own_candle_is_a_revision_of_what_was_filled() -> None:
    first = first_seen({0: (100.0, 5.0), 2: (100.0, 5.0)})
    second = first_seen(dict.fromkeys(range(3), (100.2, 7.0)), name=SECOND)
    kept = filled(first, pl.DataFrame(schema=EVIDENCE), second).candles
    own = first_seen({1: (99.9, 3.0)}).with_columns(pl.col("seen_at") + timedelta(hours=1))
    after = merge(kept, NO_REVISION, own)
    assert_frame_equal(after.first_seen, kept)
    assert after.revisions["close"].to_list() == [99.9]


def test_a_refused_repair_is_told_in_the_ledger_behind_what_the_source_said_and_only_once() -> None:
    first = first_seen({0: (100.0, 5.0), 2: (100.0, 5.0)})
    second = first_seen(dict.fromkeys(range(3), (110.0, 7.0)), name=SECOND)
    once = filled(first, said((1, 2, "unknown")), second)
    twice = filled(first, once.evidence, second)
    for given_ in (once, twice):
        found = minutely(given_)
        ledger = coverage((at(0), at(3)), found.bars, found.evidence, "1m")
        assert ledger["reason"].to_list()[1] == (
            "asked twice; two.BTC-USD is +10.00% away at an edge of the hole, expected at most 1.00%"
        )
    assert twice.evidence.height == once.evidence.height


def test_longer_bars_of_another_venues_minutes_say_so() -> None:
    first = first_seen(dict.fromkeys((0, 1, 3, 4), (100.0, 5.0)))
    second = first_seen(dict.fromkeys(range(5), (100.0, 7.0)), name=SECOND)
    given_ = filled(first, pl.DataFrame(schema=EVIDENCE), second)
    found = assemble_told(NO_TICKS, given_, Told(NO_CANDLES), "5m")
    assert found.bars.select("origin", "volume").rows() == [("second-venue", 27.0)]


def test_longer_bars_are_filled_from_the_second_markets_own() -> None:
    hours = candles({0: (100.0, 5.0), 2: (100.0, 5.0)}, step=60)
    other = candles({0: (100.0, 9.0), 1: (100.0, 9.0), 2: (100.0, 9.0)}, step=60)
    first, second = (
        frame.with_columns(seen_at=pl.lit(NOW), origin=pl.lit("candle"), market=pl.lit(name)).cast(
            pl.Schema(FIRST_SEEN)
        )
        for frame, name in ((hours, "one.BTC-USD"), (other, SECOND))
    )
    given_ = filled(first, pl.DataFrame(schema=EVIDENCE), second, "1h")
    found = assemble_told(NO_TICKS, Told(NO_CANDLES), given_, "1h")
    assert found.bars["origin"].to_list() == ["candle", "second-venue", "candle"]


def test_what_another_second_market_filled_is_not_used() -> None:
    mixed = pl.concat([first_seen({0: (100.0, 5.0)}), first_seen({1: (100.0, 5.0)}, "second-venue", SECOND)])
    assert only_of(mixed, SECOND).height == 2
    assert only_of(mixed, "three.BTC-USD").height == only_of(mixed, None).height == 1


@given(st.sets(st.integers(0, 12)), st.sets(st.integers(0, 12)), st.sampled_from([1.0, 1.005, 1.2]))
def test_filling_again_changes_nothing(here: set[int], there: set[int], ratio: float) -> None:
    first = first_seen(dict.fromkeys(sorted(here), (100.0, 5.0)))
    second = first_seen(dict.fromkeys(sorted(there), (100.0 * ratio, 5.0)), name=SECOND)
    once = filled(first, pl.DataFrame(schema=EVIDENCE), second)
    again = filled(once.candles, once.evidence, second)
    third = filled(again.candles, again.evidence, second)
    assert_frame_equal(again.candles, once.candles)
    assert_frame_equal(
        third.evidence, again.evidence
    )  # what one hole left open is told apart the second time
    own = once.candles.filter(pl.col("origin") == "candle")
    assert_frame_equal(own, first.sort("open_time"))
