"""minute_bars: goldens worked by hand, one rule of FEATURES.md each. Times are seconds after midnight."""

from math import log
from typing import Any

import polars as pl
import pytest

from pipelines.errors import BadData
from pipelines.market.minute_bars import minute_bars
from pipelines.market.schemas import MINUTE_BARS
from tests.pipelines.market.minute_bars_ticks import DAY, book_frame, ladder, trades_frame

NO_TRADES = trades_frame([])
NO_BOOK = book_frame([])
Row = dict[str, Any]


def bars(trades: pl.DataFrame = NO_TRADES, book: pl.DataFrame = NO_BOOK, check: bool = True) -> list[Row]:
    """Rows of the day, each with its minute counted from midnight."""
    frame = minute_bars(trades, book, DAY, check_local_time=check)
    minute = frame["open_time"].dt.hour().cast(pl.Int64) * 60 + frame["open_time"].dt.minute()
    return frame.with_columns(minute=minute).to_dicts()


def test_the_frame_has_exactly_the_declared_columns_even_without_a_single_event() -> None:
    assert minute_bars(NO_TRADES, NO_BOOK, DAY).schema == pl.Schema(MINUTE_BARS)
    assert minute_bars(NO_TRADES, NO_BOOK, DAY).is_empty()


def test_prices_volumes_and_moments_of_a_minute() -> None:
    """Prices 100, 104, 102: mean 102, M2 = 4 + 4 + 0. Sizes 1, 2, 6: mean 3, M2 = 4 + 1 + 9."""
    row = bars(trades_frame([(1, 1, 100.0, 1.0), (2, -1, 104.0, 2.0), (3, 1, 102.0, 6.0)]))[0]
    assert (row["open"], row["high"], row["low"], row["close"]) == (100.0, 104.0, 100.0, 102.0)
    assert (row["volume"], row["bought"], row["sold"], row["trades"]) == (9.0, 7.0, 2.0, 3)
    assert (row["price_mean"], row["price_m2"], row["size_mean"], row["size_m2"]) == (102.0, 8.0, 3.0, 14.0)


def test_trades_of_one_stamp_follow_their_ids_not_their_rows() -> None:
    frame = trades_frame([(1, 1, 100.0, 1.0), (1, 1, 101.0, 1.0)])
    row = bars(frame.reverse())[0]
    assert (row["open"], row["close"]) == (100.0, 101.0)


def test_micro_price_leans_to_the_side_with_the_smaller_size() -> None:
    """b = 99 with 9, a = 101 with 1: (99·1 + 101·9)/10 = 100.8. With the sizes swapped it would be 99.2."""
    row = bars(book=book_frame([(-30, [(99.0, 9.0)], [(101.0, 1.0)]), (0, [(99.0, 9.0)], [(101.0, 1.0)])]))[0]
    assert row["microprice"] == pytest.approx(100.8, rel=1e-15)
    assert row["order_book_imbalance"] == pytest.approx(0.8, rel=1e-15)


def test_weighted_mid_price_of_five_levels() -> None:
    """Bids 99.5 … 95.5 of 3 each: B₅ = 97.5; asks 100.5 … 104.5 of 1 each: A₅ = 102.5.

    (97.5·5 + 102.5·15)/20 = 101.25; pressure (15 − 5)/20 = 0.5; the spread 1 over mid 100 is 100 bp.
    """
    row = bars(book=book_frame([(-1, *ladder(100.0, 3.0, 1.0)), (10, *ladder(100.0, 3.0, 1.0))]))[0]
    assert row["weighted_mid_price"] == pytest.approx(101.25, rel=1e-15)
    assert row["book_pressure_5"] == row["book_pressure_10"] == 0.5
    assert row["bid_ask_spread"] == pytest.approx(100.0, rel=1e-14)


def test_time_weights_run_from_the_open_with_the_state_carried_across_midnight() -> None:
    """From 23:59:50 a 9:1 book (imbalance 0.8), from 00:00:15 a 1:9 book: (0.8·15 − 0.8·45)/60 = −0.4."""
    book = book_frame([(-10, [(99.0, 9.0)], [(101.0, 1.0)]), (15, [(99.0, 1.0)], [(101.0, 9.0)])])
    row = bars(book=book)[0]
    assert row["book_seconds"] == 60.0
    assert row["order_book_imbalance"] == pytest.approx(-0.4, rel=1e-14)
    assert (row["mid_start"], row["mid_end"]) == (100.0, 100.0)


def test_effective_spread_is_against_the_mid_before_the_trade() -> None:
    """Mid 100 stands; a buy of 2 at 101 then moves it to 102: 2e4·(101 − 100)/100 = 200 bp, times 2 = 400.

    Against the mid after the trade it would be negative. The sell of 1 at 101.5 pays 2e4·0.5/102.
    """
    book = book_frame([(-1, *ladder(100.0)), (5.0, *ladder(102.0))])
    row = bars(trades_frame([(4.9, 1, 101.0, 2.0), (6.0, -1, 101.5, 1.0)]), book)[0]
    assert row["effective_spread_sum"] == pytest.approx(400.0 + 2e4 * 0.5 / 102.0, rel=1e-14)
    assert row["effective_spread_amount"] == 3.0


def test_an_update_stamped_like_a_trade_counts_as_after_it() -> None:
    """Both at 5 s: the trade still sees mid 100, so the buy at 101 costs 200 bp and not a negative sum."""
    book = book_frame([(-1, *ladder(100.0)), (5.0, *ladder(102.0))])
    row = bars(trades_frame([(5.0, 1, 101.0, 1.0)]), book)[0]
    assert row["effective_spread_sum"] == pytest.approx(200.0, rel=1e-14)


def test_the_state_at_the_open_and_the_close_is_strictly_before_them() -> None:
    """An update at 00:01:00 sharp is neither the end of minute 0 nor the start of minute 1."""
    book = book_frame([(-1, *ladder(100.0)), (30, *ladder(101.0)), (60, *ladder(102.0))])
    first, second = bars(book=book)
    assert (first["mid_start"], first["mid_end"]) == (100.0, 101.0)
    assert (second["mid_start"], second["mid_end"]) == (101.0, 102.0)


def test_a_state_stands_for_sixty_seconds_and_no_longer() -> None:
    """An update at −20 s stands until 40 s. The trade at 40 s sees it, the one at 40.5 s sees nothing."""
    trades = trades_frame([(40.0, 1, 101.0, 1.0), (40.5, 1, 101.0, 5.0)])
    row = bars(trades, book_frame([(-20, *ladder(100.0))]))[0]
    assert row["book_seconds"] == 40.0
    assert row["effective_spread_amount"] == 1.0
    assert row["mid_end"] is None
    assert row["microprice"] is None


@pytest.mark.parametrize(("update", "known"), [(-30, True), (-30.5, False)])
def test_a_mean_of_less_than_half_the_bar_is_null(update: float, known: bool) -> None:
    """From −30 s the state covers exactly 30 s of the minute, from −30.5 s only 29.5 s."""
    row = bars(trades_frame([(50, 1, 100.0, 1.0)]), book_frame([(update, *ladder(100.0))]))[0]
    assert row["book_seconds"] == 60 + update
    assert (row["bid_ask_spread"] is not None) is known
    assert (row["order_book_imbalance"] is not None) is known


def test_a_crossed_or_locked_book_is_unknown_and_counted() -> None:
    """Locked from 20 s to 35 s: 45 s are known, and the state before does not come back."""
    locked = (20, [(100.0, 1.0)], [(100.0, 1.0)])
    book = book_frame([(-1, *ladder(100.0)), locked, (35, *ladder(104.0))])
    row = bars(trades_frame([(30, 1, 101.0, 1.0)]), book)[0]
    assert row["crossed"] == 1
    assert row["book_seconds"] == 45.0
    assert row["effective_spread_amount"] == 0.0


def test_a_feature_needs_its_own_number_of_levels() -> None:
    """Seven levels a side: five are known, ten are not."""
    row = bars(book=book_frame([(-1, *ladder(100.0, levels=7)), (5, *ladder(100.0, levels=7))]))[0]
    assert (row["book_seconds"], row["book_seconds_5"], row["book_seconds_10"]) == (60.0, 60.0, 0.0)
    assert row["book_pressure_5"] == 0.0
    assert row["book_pressure_10"] is None


def test_late_events_are_dropped_and_counted() -> None:
    """Minute 0 closes at 60 s: known at 63 s is in time, 63.000001 s is late; without a check nothing is."""
    trades = trades_frame(
        [(10, 1, 100.0, 1.0), (20, 1, 101.0, 1.0), (59, 1, 102.0, 1.0)], [63.0, 63.000001, None]
    )
    book = book_frame([(-1, *ladder(100.0)), (30, *ladder(105.0))], [0, 99])
    row = bars(trades, book)[0]
    assert (row["trades"], row["close"], row["late"]) == (2, 102.0, 2)
    assert row["mid_end"] is None  # the update of 30 s was late, the one before is 61 s old
    unchecked = bars(trades, book, check=False)[0]
    assert (unchecked["trades"], unchecked["late"], unchecked["mid_end"]) == (3, 0, 105.0)


def test_a_minute_whose_events_all_came_late_is_no_row() -> None:
    """Live saw a dead feed; calling that minute empty would deny a trade that took place."""
    assert bars(trades_frame([(10, 1, 100.0, 1.0)], [90.0])) == []


def test_realized_variance_starts_at_the_last_trade_before_the_bar_unless_it_is_old() -> None:
    """100 -> 101 -> 102 in bp²; in minute 2, after a minute without a trade, the first return is left out."""
    book = book_frame([(t, *ladder(100.0)) for t in (-50, 10, 70, 130)])
    trades = trades_frame(
        [
            (-50, 1, 100.0, 1.0),
            (10, 1, 101.0, 1.0),
            (20, 1, 102.0, 1.0),
            (130, 1, 110.0, 1.0),
            (131, 1, 111.0, 1.0),
        ]
    )
    rows = bars(trades, book)
    first = 1e8 * (log(101 / 100) ** 2 + log(102 / 101) ** 2)
    assert rows[0]["realized_variance"] == pytest.approx(first, rel=1e-12)
    assert rows[1]["realized_variance"] == 0.0
    assert rows[2]["realized_variance"] == pytest.approx(1e8 * log(111 / 110) ** 2, rel=1e-12)


def alive(first_minute: int, last_minute: int) -> pl.DataFrame:
    """A book update 20 s into each minute, the last one included."""
    return book_frame([(60 * m + 20, *ladder(100.0)) for m in range(first_minute, last_minute + 1)])


def test_large_trades_are_measured_against_the_previous_hour_only() -> None:
    """Sizes 1, 2, 3 in the hour before 00:00: mean 2, std 1, threshold 4. Of 4, 4.5 and 100, two exceed it.

    Were the minute's own trades inside, the 100 would lift the threshold far above 4.5.
    """
    past = [(-60.0 * k - 30, 1, 100.0, size) for k, size in ((0, 1.0), (30, 2.0), (59, 3.0))]
    trades = trades_frame([*past, (1, 1, 100.0, 4.0), (2, 1, 100.0, 4.5), (3, 1, 100.0, 100.0)])
    assert bars(trades, alive(-61, 0))[0]["large_trades"] == 2


def test_equal_sizes_have_no_large_trade_however_they_round() -> None:
    """Three times 0.1 sums to 0.30000000000000004: a mean with dust would call every trade large."""
    past = [(-60.0 * k - 30, 1, 100.0, 0.1) for k in range(60) for _ in range(3)]
    trades = trades_frame([*past, (1, 1, 100.0, 0.1)])
    assert bars(trades, alive(-61, 0))[0]["large_trades"] == 0


def test_one_trade_in_the_hour_is_too_few_to_call_any_large() -> None:
    trades = trades_frame([(-30, 1, 100.0, 1.0), (1, 1, 100.0, 1000.0)])
    assert bars(trades, alive(-61, 0))[0]["large_trades"] == 0


def test_tick_volatility_and_vwap_distance_look_back_five_and_sixty_minutes() -> None:
    """Trades of 1 at 90 (50 minutes ago), 99 (4 minutes ago) and 101 now.

    5 m: std of 99, 101 = √2, over C = 101. 60 m: vwap = 290/3, distance 1e4·(101 − 290/3)/(290/3).
    """
    trades = trades_frame([(-3000, 1, 90.0, 1.0), (-200, 1, 99.0, 1.0), (30, 1, 101.0, 1.0)])
    row = bars(trades, alive(-61, 0))[0]
    assert row["tick_volatility_5m"] == pytest.approx(1e4 * 2**0.5 / 101, rel=1e-14)
    assert row["vwap_distance"] == pytest.approx(1e4 * (101 - 290 / 3) / (290 / 3), rel=1e-12)


def test_spread_volatility_is_the_std_of_ten_minutes() -> None:
    """A flat book has exactly 0; minutes of alternately 100 and 200 bp (mid 100) have √(10/9)·50."""
    assert bars(book=alive(-61, 0))[0]["spread_volatility"] == 0.0
    wide = [
        (60.0 * m, [(100.0 - w, 1.0)], [(100.0 + w, 1.0)])
        for m, w in zip(range(-12, 1), [0.5, 1.0] * 7, strict=False)
    ]
    row = bars(book=book_frame(wide))[0]
    assert row["spread_volatility"] == pytest.approx(50 * (10 / 9) ** 0.5, rel=1e-12)


LOOKBACKS = {
    **{
        "bid_ask_spread": 2,
        "microprice": 2,
        "mid_start": 2,
        "realized_variance": 2,
        "effective_spread_sum": 2,
    },
    **{
        "book_seconds": 2,
        "tick_volatility_5m": 5,
        "spread_volatility": 11,
        "vwap_distance": 60,
        "large_trades": 61,
    },
}


@pytest.mark.parametrize(("column", "minutes"), LOOKBACKS.items())
def test_a_column_is_null_until_its_history_is_there_and_again_after_a_dead_minute(
    column: str, minutes: int
) -> None:
    """The feed lives in minutes 0-69 and 71-149: a dead minute is an unknown gap, not a quiet one."""
    book = pl.concat([alive(0, 69), alive(71, 149)])
    rows = bars(book=book)
    known = [row["minute"] for row in rows if row[column] is not None]
    assert known == [*range(minutes - 1, 70), *range(71 + minutes - 1, 150)]


def test_a_live_minute_without_a_trade_is_a_row_of_stated_zeros() -> None:
    row = bars(trades_frame([(-30, 1, 100.0, 1.0)]), alive(-61, 0))[0]
    assert (row["open"], row["close"], row["size_mean"], row["price_mean"]) == (None, None, None, None)
    zeros = ("volume", "trades", "bought", "sold", "size_m2", "price_m2", "large_trades", "realized_variance")
    assert [row[name] for name in (*zeros, "effective_spread_sum", "vwap_distance")] == [0] * 10


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan")])
def test_a_price_that_is_not_above_zero_is_refused(price: float) -> None:
    with pytest.raises(BadData, match="price should be above 0"):
        bars(trades_frame([(1, 1, 100.0, 1.0), (2, 1, price, 1.0)]))


def test_a_frame_of_another_schema_is_refused_with_the_column_named() -> None:
    with pytest.raises(BadData, match="'side' should be Int8, found Int64"):
        bars(NO_TRADES.cast({"side": pl.Int64}))
