"""The two order-flow aggregates: what each kind of update counts, what it is measured by, and exact longer bars."""

from datetime import timedelta

import polars as pl
import pytest

from pipelines.features import compute
from pipelines.market.bars import longer, one_minute
from pipelines.market.minute_bars import minute_bars
from pipelines.market.schemas import CANDLES
from tests.pipelines.market.minute_bars_ticks import DAY, book_frame, random_market, trades_frame

NO_TRADES, NO_CANDLES = trades_frame([]), pl.DataFrame(schema=CANDLES)
Best = tuple[float, float]


def minutes(*updates: tuple[float, Best, Best]) -> list[dict[str, object]]:
    """Rows of the day from (seconds after midnight, best bid, best ask), the feed alive in the minute before it."""
    book = book_frame([(-90, [(1.0, 1.0)], []), *((at, [bid], [ask]) for at, bid, ask in updates)])
    return minute_bars(NO_TRADES, book, DAY).to_dicts()


def flow(bid: Best, ask: Best) -> object:
    """Σ of a minute whose book moves once, from 5 at 99 and 7 at 101."""
    return minutes((-30, (99.0, 5.0), (101.0, 7.0)), (10, bid, ask))[0]["flow_imbalance_sum"]


@pytest.mark.parametrize(
    ("bid", "ask", "expected"),
    [
        ((99.0, 8.0), (101.0, 7.0), 3.0),  # 3 more are bid
        ((99.0, 1.0), (101.0, 7.0), -4.0),  # 4 were taken or withdrawn
        ((99.5, 2.0), (101.0, 7.0), 2.0),  # a better bid: its whole size
        ((98.0, 9.0), (101.0, 7.0), -5.0),  # the best bid is gone: its whole size
        ((99.0, 5.0), (101.0, 10.0), -3.0),  # 3 more are offered
        ((99.0, 5.0), (101.0, 1.0), 6.0),
        ((99.0, 5.0), (100.5, 2.0), -2.0),  # a better offer
        ((99.0, 5.0), (102.0, 9.0), 7.0),  # the best offer is gone
        ((99.0, 5.0), (101.0, 7.0), 0.0),
        ((100.0, 1.0), (102.0, 2.0), 8.0),  # both sides up: +1 and +7
    ],
)
def test_what_an_update_counts(bid: Best, ask: Best, expected: float) -> None:
    assert flow(bid, ask) == expected


def test_changes_at_one_price_add_up_whatever_lies_between() -> None:
    """5 → 9 → 2 → 6 at one bid is 1 in all, also when two updates share a stamp."""
    ask = (101.0, 7.0)
    rows = minutes(*((at, (99.0, size), ask) for at, size in ((-30, 5.0), (1, 9.0), (20, 2.0), (20, 6.0))))
    assert rows[0]["flow_imbalance_sum"] == 1.0


def test_what_came_of_an_unseen_book_is_no_flow() -> None:
    """A crossed state and one more than 60 s old are not compared with; at 60 s a state still stands."""
    start, ask = (-30, (99.0, 5.0), (101.0, 7.0)), (101.0, 7.0)
    crossed = minutes(start, (5, (102.0, 1.0), ask), (10, (99.0, 9.0), ask), (20, (99.0, 10.0), ask))
    assert crossed[0]["flow_imbalance_sum"] == 1.0
    assert minutes(start, (30, (99.0, 9.0), ask))[0]["flow_imbalance_sum"] == 4.0
    assert minutes(start, (30.5, (99.0, 9.0), ask))[0]["flow_imbalance_sum"] == 0.0


def test_an_update_at_the_open_belongs_to_the_minute_that_begins() -> None:
    ask = (101.0, 7.0)
    first, second = minutes((-30, (99.0, 5.0), ask), (0, (99.0, 6.0), ask), (60, (99.0, 9.0), ask))
    assert (first["flow_imbalance_sum"], second["flow_imbalance_sum"]) == (1.0, 3.0)


def test_size_is_the_time_weighted_mean_of_both_sides() -> None:
    """(5 + 7)/2 for 15 s, then (1 + 3)/2 for 45 s: 6·15 + 2·45 = 180 base·s, 3 on average; −8/3 of it flowed."""
    row = minutes((-30, (99.0, 5.0), (101.0, 7.0)), (15, (98.0, 1.0), (101.0, 10.0)))[0]
    assert (row["flow_imbalance_sum"], row["book_seconds"]) == (-8.0, 60.0)
    assert row["level1_size_sum"] == 6.0 * 15 + 5.5 * 45
    even = minutes((-30, (99.0, 5.0), (101.0, 7.0)), (15, (99.0, 1.0), (101.0, 3.0)))[0]
    assert (even["level1_size_sum"], even["flow_imbalance_sum"]) == (180.0, 0.0)


def test_the_first_minute_of_a_feed_is_unknown() -> None:
    book = book_frame([(5, [(99.0, 5.0)], [(101.0, 7.0)]), (70, [(99.0, 6.0)], [(101.0, 7.0)])])
    first, second = minute_bars(NO_TRADES, book, DAY).to_dicts()
    assert first["flow_imbalance_sum"] is first["level1_size_sum"] is None
    assert (second["flow_imbalance_sum"], second["level1_size_sum"]) == (0.0, 6.0 * 5 + 6.5 * 50)


@pytest.mark.parametrize("timeframe", ["5m", "15m"])
def test_longer_bars_are_the_minutes_together(timeframe: str) -> None:
    """The sum and the mean size of a longer bar come out as if it had been cut at once."""
    tape, book = random_market(4, minutes=(-64, 60), trades=6.0, updates=12.0)
    bars = one_minute(minute_bars(tape, book, DAY, check_local_time=False), NO_CANDLES)
    long = longer(bars, timeframe)
    found = compute(long, timeframe, ["order_flow_imbalance"])
    assert found["order_flow_imbalance"].drop_nulls().len() > 1
    for row, value in zip(long.iter_rows(named=True), found["order_flow_imbalance"], strict=True):
        end = row["open_time"] + timedelta(minutes=int(timeframe[:-1]))
        inside = bars.filter(pl.col("open_time").is_between(row["open_time"], end, closed="left"))
        total, sizes = inside["flow_imbalance_sum"].sum(), inside["level1_size_sum"].sum()
        assert row["flow_imbalance_sum"] == pytest.approx(total, rel=1e-12, abs=1e-12)
        if value is not None:
            assert value == pytest.approx(total * inside["book_seconds"].sum() / sizes, rel=1e-12, abs=1e-12)
