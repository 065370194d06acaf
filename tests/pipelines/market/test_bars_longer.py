"""bars.longer: merging minutes equals computing from all trades, and every rule of the aggregation table."""

from datetime import date, timedelta
from math import sqrt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadData
from pipelines.market.bars import longer, one_minute
from pipelines.market.minute_bars import minute_bars
from pipelines.market.schemas import BARS, CANDLES
from pipelines.market.timeframes import length_of
from tests.pipelines.market.minute_bars_ticks import DAY, random_market
from tests.pipelines.market.test_bars import candles, ticks

NO_CANDLES = pl.DataFrame(schema=CANDLES)
QUICK = settings(max_examples=10, deadline=None)


def five(**columns: list[float | None]) -> dict[str, object]:
    """The one 5 m bar of five tick minutes whose columns are given by hand."""
    minutes = one_minute(ticks(dict.fromkeys(range(5), 100.0)), NO_CANDLES)
    given = [pl.Series(name, values, dtype=pl.Float64).cast(BARS[name]) for name, values in columns.items()]
    return longer(minutes.with_columns(given), "5m").row(0, named=True)


@given(st.integers(0, 10**6), st.sampled_from(["5m", "15m", "30m", "1h"]))
@QUICK
def test_merged_bars_equal_the_direct_computation_from_all_trades(seed: int, timeframe: str) -> None:
    tape, book = random_market(seed, minutes=(-64, 60), trades=6.0)
    bars = longer(one_minute(minute_bars(tape, book, DAY, check_local_time=False), NO_CANDLES), timeframe)
    for bar in bars.iter_rows(named=True):
        end = bar["open_time"] + length_of(timeframe)
        inside = tape.sort("time", "id").filter(
            pl.col("time").is_between(bar["open_time"], end, closed="left")
        )
        p, q = inside["price"].to_numpy(), inside["amount"].to_numpy()
        assert (bar["trades"], bar["high"], bar["low"]) == (len(p), p.max(), p.min())
        assert (bar["open"], bar["close"]) == (p[0], p[-1])
        assert bar["volume"] == pytest.approx(q.sum(), rel=1e-12)
        for name, x in (("price", p), ("size", q)):
            assert bar[f"{name}_mean"] == pytest.approx(x.mean(), rel=1e-12)
            assert bar[f"{name}_m2"] == pytest.approx(((x - x.mean()) ** 2).sum(), rel=1e-12)


@given(st.integers(0, 10**6))
@QUICK
def test_minutes_to_hours_is_a_bar_for_whole_hours_only(seed: int) -> None:
    """With random minutes missing, a bar exists exactly where all its minutes do."""
    rng = np.random.default_rng(seed)
    present = [m for m in range(180) if m < 60 or rng.random() < 0.995]
    bars = longer(one_minute(ticks({m: 100.0 + m for m in present}), NO_CANDLES), "1h")
    whole = [h for h in range(3) if all(m in present for m in range(60 * h, 60 * h + 60))]
    assert bars["open_time"].dt.hour().to_list() == whole
    assert bars["close"].to_list() == [100.0 + 60 * h + 59 for h in whole]


def test_book_means_are_weighted_by_the_seconds_known() -> None:
    """(10·60 + 20·40 + 40·50)/150; 150 s of 300 are just half the bar, 149 s are not."""
    bar = five(bid_ask_spread=[10.0, 20.0, 40.0, None, None], book_seconds=[60.0, 40.0, 50.0, 0.0, 0.0])
    assert bar["bid_ask_spread"] == pytest.approx(3400 / 150, rel=1e-15)
    assert bar["book_seconds"] == 150.0
    below = five(bid_ask_spread=[10.0, 20.0, 40.0, None, None], book_seconds=[60.0, 40.0, 49.0, 0.0, 0.0])
    assert below["bid_ask_spread"] is None


def test_each_depth_is_weighted_by_its_own_seconds() -> None:
    bar = five(
        book_pressure_5=[0.5, 0.1, 0.1, 0.1, 0.1],
        book_seconds_5=[60.0, 30.0, 30.0, 30.0, 30.0],
        book_pressure_10=[0.5, 0.1, None, None, None],
        book_seconds_10=[60.0, 30.0, 0.0, 0.0, 0.0],
    )
    assert bar["book_pressure_5"] == pytest.approx((30 + 12) / 180, rel=1e-14)
    assert bar["book_pressure_10"] is None


def test_moments_merge_with_empty_minutes_adding_nothing() -> None:
    """{1, 3} and {5, 5, 5} and nothing: mean 3.8, M2 = 2.8² + 0.8² + 3·1.2² = 12.8."""
    bar = five(
        trades=[2, 0, 3, 0, 0], size_mean=[2.0, None, 5.0, None, None], size_m2=[2.0, 0.0, 0.0, 0.0, 0.0]
    )
    assert bar["size_mean"] == pytest.approx(3.8, rel=1e-15)
    assert bar["size_m2"] == pytest.approx(12.8, rel=1e-14)


def test_a_large_price_level_costs_no_digits() -> None:
    """Two trades a minute at 1e5 ± 0.01: the std is 0.01·√(10/9); Σp² would lose its fifth digit."""
    bar = five(trades=[2] * 5, price_mean=[1e5] * 5, price_m2=[2e-4] * 5)
    assert sqrt(bar["price_m2"] / 9) == pytest.approx(0.01 * sqrt(10 / 9), rel=1e-14)  # type: ignore[operator]


def test_sums_lasts_and_mids() -> None:
    """Volume of 5 minutes of 2; the last minute's windows and states; the first start and the last end."""
    bar = five(
        **{
            name: [1.0, 2.0, 3.0, 4.0, 5.0]
            for name in ("realized_variance", "effective_spread_sum", "large_trades")
        },
        **{
            name: [1.0, 2.0, 3.0, 4.0, 6.0]
            for name in ("tick_volatility_5m", "spread_volatility", "microprice")
        },
        mid_start=[7.0, 1.0, 1.0, 1.0, 1.0],
        mid_end=[1.0, 1.0, 1.0, 1.0, 9.0],
    )
    assert (bar["volume"], bar["trades"], bar["bought"]) == (10.0, 5, 10.0)
    assert (bar["realized_variance"], bar["effective_spread_sum"], bar["large_trades"]) == (15.0, 15.0, 15)
    assert (bar["tick_volatility_5m"], bar["spread_volatility"], bar["microprice"]) == (6.0, 6.0, 6.0)
    assert (bar["mid_start"], bar["mid_end"]) == (7.0, 9.0)


def test_a_sum_that_misses_a_minute_is_null_not_partial() -> None:
    assert five(realized_variance=[None, 1.0, 1.0, 1.0, 1.0])["realized_variance"] is None
    assert five(book_seconds=[None, 60.0, 60.0, 60.0, 60.0])["bid_ask_spread"] is None


def test_open_high_and_low_are_those_of_trades() -> None:
    """Minute 5 is empty at 90, carried from before the bar: its 90 is neither the open nor the low."""
    closes: dict[int, float | None] = {4: 90.0, 5: None, 6: 100.0, 7: 103.0, 8: None, 9: 101.0}
    bar = longer(one_minute(ticks(closes), NO_CANDLES), "5m").row(0, named=True)
    assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (100.0, 103.0, 100.0, 101.0)


def test_a_longer_bar_without_any_trade_is_flat_and_verified_empty() -> None:
    closes: dict[int, float | None] = {4: 90.0, **dict.fromkeys(range(5, 10))}
    bar = longer(one_minute(ticks(closes), NO_CANDLES), "5m").row(0, named=True)
    assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (90.0, 90.0, 90.0, 90.0)
    assert (bar["origin"], bar["volume"], bar["trades"], bar["size_mean"]) == ("verified-empty", 0.0, 0, None)


def test_a_longer_bar_is_as_good_as_its_weakest_minute() -> None:
    mixed = one_minute(ticks({0: 100.0, 1: None, 2: 100.0, 3: 100.0}), candles({4: (100.0, 1.0)}))
    bar = longer(mixed, "5m").row(0, named=True)
    assert bar["origin"] == "candle"
    assert (bar["trades"], bar["volume"]) == (None, 7.0)
    pure = longer(one_minute(ticks({0: 100.0, 1: None, 2: 100.0, 3: None, 4: 100.0}), NO_CANDLES), "5m")
    assert pure["origin"].to_list() == ["ticks"]


def test_long_bars_are_cut_at_utc_midnight() -> None:
    bars = one_minute(ticks(dict.fromkeys(range(1440), 100.0)), NO_CANDLES)
    assert longer(bars, "1d")["open_time"].dt.date().to_list() == [date(2024, 7, 19)]
    assert longer(bars, "12h")["open_time"].dt.hour().to_list() == [0, 12]
    assert longer(bars, "1m").equals(bars)


def test_no_minutes_give_no_bars() -> None:
    bars = longer(pl.DataFrame(schema=BARS), "1h")
    assert bars.is_empty()
    assert bars.schema == pl.Schema(BARS)


@pytest.mark.parametrize("fault", ["duplicate", "disorder", "fraction"])
def test_minutes_that_are_not_a_sorted_grid_are_refused(fault: str) -> None:
    bars = one_minute(ticks(dict.fromkeys(range(10), 100.0)), NO_CANDLES)
    broken = {
        "duplicate": pl.concat([bars[:1], bars]),
        "disorder": bars.reverse(),
        "fraction": bars.with_columns(pl.col("open_time") + timedelta(seconds=1)),
    }
    with pytest.raises(BadData, match="whole minutes"):
        longer(broken[fault], "5m")
