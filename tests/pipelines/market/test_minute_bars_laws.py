"""minute_bars: laws over random markets: what may not change a row, and what scales it."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.market.minute_bars import minute_bars
from pipelines.market.schemas import BOOK_LEVELS
from tests.pipelines.market.minute_bars_ticks import DAY, MIDNIGHT, SECOND, random_market

MINUTE = 60 * SECOND
QUICK = settings(max_examples=15, deadline=None)
SEEDS = st.integers(0, 10**6)
PRICES = [
    "open",
    "high",
    "low",
    "close",
    "price_mean",
    "weighted_mid_price",
    "microprice",
    "mid_start",
    "mid_end",
]
SIZES = ["volume", "bought", "sold", "size_mean", "effective_spread_sum", "effective_spread_amount"]
SIZES += ["flow_imbalance_sum", "level1_size_sum"]


def between(frame: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    """Rows between two minutes counted from midnight."""
    time = pl.col("time").to_physical()
    return frame.filter((time >= MIDNIGHT + start * MINUTE) & (time < MIDNIGHT + end * MINUTE))


@given(SEEDS, st.integers(0, 24))
@QUICK
def test_what_happens_after_a_minute_never_changes_its_row(seed: int, minute: int) -> None:
    tape, book = random_market(seed, trades=4.0)
    other_tape, other_book = random_market(seed + 1, trades=8.0)
    now = minute_bars(tape, book, DAY)
    later = minute_bars(
        pl.concat([between(tape, -99, minute + 1), between(other_tape, minute + 1, 99)]),
        pl.concat([between(book, -99, minute + 1), between(other_book, minute + 1, 99)]),
        DAY,
    )
    past = pl.col("open_time").to_physical() <= MIDNIGHT + minute * MINUTE
    assert now.filter(past).equals(later.filter(past))


@given(SEEDS)
@QUICK
def test_sixty_one_minutes_of_the_day_before_are_all_that_matters(seed: int) -> None:
    tape, book = random_market(seed, minutes=(-150, 10))
    cut = minute_bars(between(tape, -61, 10), between(book, -61, 10), DAY)
    assert minute_bars(tape, book, DAY).equals(cut)


@given(SEEDS)
@QUICK
def test_the_rows_of_two_days_are_the_same_cut_at_either_midnight(seed: int) -> None:
    """A minute has one value, whether its day is cut here or its history comes from the same day."""
    tape, book = random_market(seed, minutes=(-64, 80))
    shifted = [
        frame.with_columns(pl.col("time", "local_time").dt.offset_by("-70m")) for frame in (tape, book)
    ]
    here = minute_bars(tape, book, DAY).filter(pl.col("open_time").to_physical() >= MIDNIGHT + 70 * MINUTE)
    there = minute_bars(*shifted, DAY).with_columns(pl.col("open_time").dt.offset_by("70m"))
    assert len(here) > 0
    assert here.equals(there.filter(pl.col("open_time") < here["open_time"].max() + timedelta(minutes=1)))


@given(SEEDS)
@QUICK
def test_the_order_of_the_rows_says_nothing(seed: int) -> None:
    tape, book = random_market(seed)
    assert minute_bars(tape, book, DAY).equals(minute_bars(tape.sort("time", "id"), book, DAY))


@given(SEEDS)
@QUICK
def test_prices_and_volumes_times_1024_scale_every_column_bit_for_bit(seed: int) -> None:
    tape, book = random_market(seed, trades=4.0)
    levels = [
        f"{s}_{w}_{k}" for s in ("bid", "ask") for w in ("price", "amount") for k in range(1, BOOK_LEVELS + 1)
    ]
    scaled = minute_bars(
        tape.with_columns(pl.col("price", "amount") * 1024), book.with_columns(pl.col(levels) * 1024), DAY
    )
    expected = minute_bars(tape, book, DAY).with_columns(
        pl.col(PRICES + SIZES) * 1024, pl.col("price_m2", "size_m2") * 1024**2
    )
    assert scaled.equals(expected)


@pytest.mark.parametrize("level", [1.0, 1e5])
def test_a_flat_market_has_no_variance_at_any_price(level: float) -> None:
    """Running sums of squares leave dust at 1e5; here flat means 0 exactly."""
    tape, book = random_market(3, trades=5.0)
    rows = minute_bars(tape.with_columns(price=pl.lit(level + 0.1)), book, DAY)
    for name in ("price_m2", "tick_volatility_5m", "realized_variance", "vwap_distance"):
        assert rows[name].drop_nulls().abs().max() == 0.0, name
