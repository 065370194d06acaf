"""Silences of the trades beside a living book: empty only where something vouches for it. Times: test_minute_bars."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.market.minute_bars import Hearing, heard_minutes, minute_bars
from pipelines.market.schemas import EVIDENCE, MINUTE_BARS
from pipelines.market.symbols import Market
from pipelines.market.trade_ids import BY_ARRIVAL, DAILY, RUNNING, SPARSE, UNTOLD, convention_of, vouching
from tests.pipelines.market.minute_bars_ticks import (
    DAY,
    MIDNIGHT,
    SECOND,
    book_frame,
    ladder,
    random_market,
    trades_frame,
)

MINUTE = 60 * SECOND
LOST = "the order book went on without a trade"


def tape(minutes: list[float], ids: list[int]) -> pl.DataFrame:
    """A trade half a minute into each of these minutes, counted from midnight."""
    rows = trades_frame([(60 * m + 30, 1, 100.0, 1.0) for m in minutes])
    return rows.with_columns(pl.Series("id", ids, dtype=pl.Int64))


def book(first: int, last: int) -> pl.DataFrame:
    """An update 20 s into each minute, the last one included."""
    return book_frame([(60 * m + 20, *ladder(100.0)) for m in range(first, last + 1)])


def opens(frame: pl.DataFrame, column: str = "open_time") -> list[int]:
    """Minutes counted from midnight."""
    return ((frame[column].to_physical() - MIDNIGHT) // MINUTE).to_list()


def heard(
    trades: pl.DataFrame, quotes: pl.DataFrame, vouched: str, *doubts: tuple[float, float, str]
) -> tuple[list[int], list[tuple[int, int, str]]]:
    """Minutes that are rows, and spans of minutes that are not, with their reasons."""
    spans = tuple((MIDNIGHT + round(a * MINUTE), MIDNIGHT + round(b * MINUTE), why) for a, b, why in doubts)
    rows, said = heard_minutes(trades, quotes, DAY, Hearing(vouched, spans))
    assert rows.schema == pl.Schema(MINUTE_BARS)
    assert said.schema == pl.Schema(EVIDENCE)
    assert set(said["kind"]) <= {"unknown"}
    return opens(rows), list(zip(opens(said, "time"), opens(said, "end"), said["reason"], strict=True))


def test_ids_that_go_on_by_one_prove_a_quiet_minute_however_long() -> None:
    trades = tape([0, 1, 100], [7, 8, 9])
    minutes, unknown = heard(trades, book(0, 100), RUNNING)
    assert (minutes, unknown) == (list(range(101)), [])
    rows = heard_minutes(trades, book(0, 100), DAY, Hearing(RUNNING))[0]
    assert rows["trades"].to_list() == [1, 1, *[0] * 98, 1]
    assert rows.equals(minute_bars(trades, book(0, 100), DAY))


@pytest.mark.parametrize("vouched", [RUNNING, DAILY])
def test_a_silence_with_missing_ids_is_no_row_and_its_windows_are_null_after_it(vouched: str) -> None:
    trades = tape([*range(10), *range(15, 30)], [*range(10), *range(12, 27)])
    minutes, unknown = heard(trades, book(0, 29), vouched)
    assert minutes == [*range(10), *range(15, 30)]
    assert unknown == [(10, 15, f"{LOST}, and 2 trade ids are missing there")]
    rows = heard_minutes(trades, book(0, 29), DAY, Hearing(vouched))[0]
    after = rows.filter(pl.col("open_time").to_physical() >= MIDNIGHT + 15 * MINUTE)
    assert after["tick_volatility_5m"].is_null().to_list() == [True] * 4 + [False] * 11
    assert after["bid_ask_spread"].is_null().to_list() == [True] + [False] * 14


def test_ids_that_tie_or_run_crosswise_beside_a_silence_still_vouch_for_it() -> None:
    """8 came before 7 and 10 before 9: nothing is missing between them."""
    minutes, unknown = heard(tape([0, 0.2, 5, 5.2], [8, 7, 10, 9]), book(0, 5), RUNNING)
    assert (minutes, unknown) == (list(range(6)), [])


@pytest.mark.parametrize(("last", "known"), [(30, True), (31, False)])
def test_without_ids_a_silence_is_believed_for_half_an_hour(last: int, known: bool) -> None:
    """From half past minute 0 to half past minute `last`; the ids skip by habit."""
    minutes, unknown = heard(tape([0, last], [3, 900]), book(0, last), SPARSE)
    reason = f"{LOST}, and no trade id vouches for a silence of more than 30 minutes"
    assert minutes == (list(range(last + 1)) if known else [0, last])
    assert unknown == ([] if known else [(1, last, reason)])


@pytest.mark.parametrize("vouched", [RUNNING, DAILY, SPARSE])
@pytest.mark.parametrize(("length", "known"), [(30, True), (32, False)])
def test_after_the_last_trade_and_before_the_first_no_id_vouches(
    vouched: str, length: int, known: bool
) -> None:
    trades = tape([100, 101], [1, 2])
    assert (heard(trades, book(100, 101 + length), vouched)[1] == []) is known
    assert (heard(trades, book(101 - length, 101), vouched)[1] == []) is known
    minutes, _ = heard(trades, book(100, 200), vouched)
    assert minutes == [100, 101]


def test_over_midnight_only_running_ids_are_compared() -> None:
    """The silence from 23:58:30 to 00:02:30 lacks an id, or the numbers of a new day began elsewhere."""
    trades, quotes = tape([-2, 2], [10, 5000]), book(-5, 2)
    assert heard(trades, quotes, RUNNING)[0] == [2]
    assert heard(trades, quotes, RUNNING)[1][0][2] == f"{LOST}, and 4,989 trade ids are missing there"
    assert heard(trades, quotes, DAILY) == ([0, 1, 2], [])
    assert heard(trades, quotes, SPARSE) == ([0, 1, 2], [])
    assert heard(tape([-2, 2], [10, 11]), quotes, RUNNING) == ([0, 1, 2], [])


def test_what_a_source_doubts_is_not_empty_whatever_the_ids_say() -> None:
    trades = tape([0, 10], [1, 2])
    minutes, unknown = heard(trades, book(0, 10), RUNNING, (2.5, 4.0, "the venue was down"))
    assert minutes == [0, 1, 4, 5, 6, 7, 8, 9, 10]
    assert unknown == [(2, 4, "the venue was down")]
    instant = 6 + 1 / MINUTE
    assert heard(trades, book(0, 10), RUNNING, (6.0, instant, "a trade was quarantined"))[1] == [
        (6, 7, "a trade was quarantined")
    ]
    traded = heard(tape([0, 1], [1, 2]), book(0, 1), RUNNING, (-1440.0, 1440.0, "down"))
    assert traded == ([0, 1], [])


def test_a_book_without_a_single_trade_is_no_row() -> None:
    minutes, unknown = heard(trades_frame([]), book(0, 59), RUNNING)
    assert (minutes, [span[:2] for span in unknown]) == ([], [(0, 60)])


def test_a_minute_whose_trades_all_came_too_late_is_not_called_empty() -> None:
    """Minute 1's trade came after its close + 3 s; the minutes beside it are quiet, and its id says so."""
    times = [30.0, 150.0, 330.0]
    trades = trades_frame([(t, 1, 100.0, 1.0) for t in times], [30.1, 200.0, 330.1])
    minutes, unknown = heard(trades, book(0, 5), RUNNING)
    assert minutes == [0, 1, 3, 4, 5]
    assert unknown == [(2, 3, "trades there arrived too late to be known")]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), first=st.integers(0, 200), count=st.integers(1, 120))
def test_law_a_minute_that_lost_all_its_trades_is_never_empty(seed: int, first: int, count: int) -> None:
    """Whatever run of trades is lost, with trades left on both sides of it, and nothing else changes."""
    trades, quotes = random_market(seed, minutes=(-5, 60), trades=3.0)
    whole = trades.sort("time", "id").with_columns(pl.int_range(pl.len()).alias("id"), local_time=None)
    whole = whole.with_columns(pl.col("local_time").cast(whole["time"].dtype))
    first = min(first, whole.height - 2) + 1
    left = pl.concat([whole[:first], whole[min(first + count, whole.height - 1) :]])
    before = heard_minutes(whole, quotes, DAY, Hearing(RUNNING), check_local_time=False)[0]
    after = heard_minutes(left, quotes, DAY, Hearing(RUNNING), check_local_time=False)[0]
    assert before.equals(minute_bars(whole, quotes, DAY, check_local_time=False))
    traded = set(before.filter(pl.col("trades") > 0)["open_time"])
    assert not traded & set(after.filter(pl.col("trades") == 0)["open_time"])


def test_ids_are_known_by_venue_by_arrival_or_by_their_day() -> None:
    def ids(*numbers: int) -> pl.Series:
        return pl.Series(numbers, dtype=pl.Int64)

    assert convention_of("kraken", ids(*range(50))) == BY_ARRIVAL
    assert convention_of("kraken", ids(0, 1, 3)) == RUNNING
    assert convention_of("synthetic", ids(5, 6)) == DAILY
    assert convention_of("elsewhere", ids(5, 6)) == UNTOLD
    kraken, elsewhere = Market("kraken", "BTC-USD"), Market("elsewhere", "BTC-USD")
    assert vouching(kraken, ids(*range(50))) == SPARSE
    assert vouching(kraken, ids(7, 900)) == RUNNING
    assert vouching(kraken, ids()) == RUNNING
    assert vouching(elsewhere, ids(7, 8, 10)) == DAILY
    assert [vouching(elsewhere, ids(*few)) for few in ((), (7,), (7, 900))] == [SPARSE] * 3


def test_evidence_has_one_row_for_a_run_of_one_reason() -> None:
    trades = tape([0, 3, 6], [1, 3, 9])
    _, unknown = heard(trades, book(0, 6), RUNNING)
    assert [span[:2] for span in unknown] == [(1, 3), (4, 6)]
    assert np.unique([span[2] for span in unknown]).size == 2
