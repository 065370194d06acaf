"""repair: a hole is filled where two markets agree around it, or rebuilt from trades; else it stays, and why."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import BadData
from pipelines.market.repair import fill_from_second
from pipelines.market.schemas import EVIDENCE, FIRST_SEEN

START = datetime(2024, 7, 19, tzinfo=UTC)
NOW = datetime(2024, 7, 20, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def market(closes: dict[int, float], name: str = "one.BTC-USD", origin: str = "candle") -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "open_time": at(m),
                **dict.fromkeys(("open", "high", "low", "close"), close),
                "volume": 3.0,
                "seen_at": NOW,
                "origin": origin,
                "market": name,
            }
            for m, close in closes.items()
        ],
        schema=FIRST_SEEN,
    )


def minutes(frame: pl.DataFrame, column: str = "open_time") -> list[int]:
    return (frame[column] - START).dt.total_minutes().to_list()


FIRST = market({0: 100.0, 1: 100.0, 4: 100.0, 5: 100.0})
HOLE = [(at(2), at(4))]


def test_a_hole_is_filled_where_the_markets_agree_and_says_from_where() -> None:
    second = market(dict.fromkeys(range(6), 100.5), "two.BTC-USD")
    repair = fill_from_second(FIRST, second, HOLE)
    assert minutes(repair.rows) == [2, 3]
    assert set(repair.rows["origin"]) == {"second-venue"}
    assert set(repair.rows["market"]) == {"two.BTC-USD"}
    assert repair.rows["close"].to_list() == [100.5, 100.5]  # never rescaled
    assert repair.rows["volume"].to_list() == [3.0, 3.0]
    assert repair.left.is_empty()


@pytest.mark.parametrize("edge", [1, 4])
def test_a_second_market_that_is_elsewhere_at_either_edge_fills_nothing(edge: int) -> None:
    second = market({m: 102.0 if m == edge else 100.0 for m in range(6)}, "two.BTC-USD")
    repair = fill_from_second(FIRST, second, HOLE)
    assert repair.rows.is_empty()
    assert repair.left.schema == pl.Schema(EVIDENCE)
    assert repair.left.row(0)[:3] == (at(2), at(4), "unknown")
    said = "two.BTC-USD is +2.00% away at an edge of the hole, expected at most 1.00%"
    assert repair.left["reason"].to_list() == [said]
    assert minutes(fill_from_second(FIRST, second, HOLE, tolerance=0.03).rows) == [2, 3]


def test_an_edge_is_the_nearest_common_bar_and_one_edge_is_enough() -> None:
    second = market({0: 100.0, 1: 100.9, 2: 100.0}, "two.BTC-USD")
    assert minutes(fill_from_second(FIRST, second, HOLE).rows) == [2]
    assert minutes(fill_from_second(FIRST, second.filter(pl.col("open_time") != at(1)), HOLE).rows) == [2]


@pytest.mark.parametrize(("last", "filled"), [(-61, []), (-60, [0])])
def test_a_bar_too_far_away_is_no_edge(last: int, filled: list[int]) -> None:
    """The hole begins at minute 0; both markets have a bar 61, then 60 bars before it."""
    second = market({last: 100.0, 0: 100.0}, "two.BTC-USD")
    repair = fill_from_second(market({last: 100.0}), second, [(at(0), at(1))])
    assert minutes(repair.rows) == filled
    assert [("shares no bar with it within 60 bars" in reason) for reason in repair.left["reason"]] == [
        True
    ] * (1 - len(filled))


def test_what_was_repaired_or_empty_over_there_repairs_nothing_here() -> None:
    second = pl.concat(
        [
            market({0: 100.0, 1: 100.0, 4: 100.0}, "two.BTC-USD"),
            market({2: 100.0}, "two.BTC-USD", "verified-empty"),
            market({3: 100.0}, "two.BTC-USD", "second-venue"),
        ]
    )
    repair = fill_from_second(FIRST, second, HOLE)
    assert repair.rows.is_empty()
    assert repair.left["reason"].to_list() == ["two.BTC-USD has no bar here either"]


def test_two_second_markets_at_once_are_refused() -> None:
    second = pl.concat([market({2: 100.0}, "two.BTC-USD"), market({3: 100.0}, "three.BTC-USD")])
    with pytest.raises(BadData, match=r"three\.BTC-USD, two\.BTC-USD"):
        fill_from_second(FIRST, second, HOLE)


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)), st.floats(0.97, 1.03))
def test_only_holes_are_filled_and_each_is_filled_or_refused(
    first: set[int], second: set[int], ratio: float
) -> None:
    gaps = sorted(set(range(31)) - first)
    holes = [(at(m), at(m + 1)) for m in gaps]
    repair = fill_from_second(
        market(dict.fromkeys(sorted(first), 100.0)),
        market(dict.fromkeys(sorted(second), 100.0 * ratio), "two.BTC-USD"),
        holes,
    )
    filled, left = minutes(repair.rows), minutes(repair.left, "time")
    assert sorted([*filled, *left]) == gaps
    agree = bool(first & second) and abs(100.0 * ratio / 100.0 - 1.0) <= 0.01
    assert filled == (sorted(set(gaps) & second) if agree else [])
