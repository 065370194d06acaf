"""Values worked by hand: the windows, the zero denominators and the traps of the earlier systems.

The twenty with their whole arithmetic are test_hand_checked.py; here are the edges.
"""

from datetime import UTC, datetime, timedelta
from math import nan, sqrt

import numpy as np
import polars as pl
import pytest

from pipelines.errors import BadData, UnknownName
from pipelines.features import compute
from pipelines.market.timeframes import minutes_of
from tests.pipelines.features import makers


def closes(values: list[float] | np.ndarray, **columns: object) -> pl.DataFrame:
    """One-minute candles whose four prices are the closes given, with a volume of 1 unless said."""
    prices = {name: pl.Series(values, dtype=pl.Float64) for name in ("open", "high", "low", "close")}
    others = {"volume": pl.Series(np.ones(len(values)))} | {
        name: pl.Series(column, dtype=pl.Float64) for name, column in columns.items()
    }
    return makers.without_ticks(makers.bars(len(values))).with_columns(**(prices | others))


def last(bars: pl.DataFrame, name: str, timeframe: str = "1m") -> float:
    return compute(bars, timeframe, [name]).get_column(name)[-1]


def one_tick_bar(timeframe: str = "1m", **columns: object) -> pl.DataFrame:
    """Three bars with ticks whose columns are overwritten by the values given."""
    bars = makers.bars(3, timeframe, seed=4)
    return bars.with_columns(
        pl.lit(value).cast(bars.schema[name]).alias(name) for name, value in columns.items()
    )


def test_rsi_forgets_the_move_15_bars_back() -> None:
    """Ten moves up by 2 and four down by 5: 100·20/(20 + 20), whatever came before."""
    moves = [1000.0, *[2.0] * 10, *[-5.0] * 4]
    assert last(closes(np.cumsum([100.0, *moves])), "rsi_14") == 50.0


def test_rsi_is_50_when_the_price_stood_still_and_100_when_it_only_rose() -> None:
    assert last(closes([7.0] * 15), "rsi_14") == 50.0
    assert last(closes(np.arange(1.0, 16.0)), "rsi_14") == 100.0


def test_volume_trend_at_its_bounds() -> None:
    """All volume in the last bar gives 2/7, in the first −2/7, none 0."""
    assert last(closes([5.0] * 20, volume=[0.0] * 19 + [3.0]), "volume_trend") == pytest.approx(2 / 7)
    assert last(closes([5.0] * 20, volume=[3.0] + [0.0] * 19), "volume_trend") == pytest.approx(-2 / 7)
    assert last(closes([5.0] * 20, volume=[0.0] * 20), "volume_trend") == 0.0


def test_volume_ratio_is_one_without_any_volume_and_zero_without_the_bars() -> None:
    """A million traded 20 bars back leaves no dust behind."""
    assert last(closes([5.0] * 21, volume=[1e6] + [0.0] * 20), "volume_ratio") == 1.0
    assert last(closes([5.0] * 21, volume=[1e6] + [0.1] * 19 + [0.0]), "volume_ratio") == 0.0
    assert last(closes([5.0] * 21, volume=[1e6] + [0.25] * 20), "volume_ma") == 0.25


def test_macd_signal_and_histogram() -> None:
    """A step from 100 to 110 in a flat series: after k bars ema_n = 110 − 10·(1 − 2/(n + 1))^k."""
    k = 6
    bars = closes([100.0] * 300 + [110.0] * k)
    lines = [10 * ((1 - 2 / 27) ** i - (1 - 2 / 13) ** i) for i in range(1, k + 1)]
    signal = 0.0
    for line in lines:
        signal = 0.8 * signal + 0.2 * line
    assert last(bars, "macd_signal") == pytest.approx(signal, rel=1e-12)
    assert last(bars, "macd_histogram") == pytest.approx(lines[-1] - signal, rel=1e-12)
    assert last(closes([100.0] * 276), "macd") == 0.0


def test_bands_of_a_known_window() -> None:
    """Ten 1s and ten 3s: mean 2, Σ(x − 2)² = 20, std = √(20/19)."""
    bars, std = closes([1.0] * 10 + [3.0] * 10), sqrt(20 / 19)
    assert last(bars, "bb_upper") == pytest.approx(2 + 2 * std, rel=1e-14)
    assert last(bars, "bb_lower") == pytest.approx(2 - 2 * std, rel=1e-14)
    assert last(bars, "bb_width") == pytest.approx(4 * std / 3, rel=1e-14)


def test_bands_of_a_flat_window_after_a_crash() -> None:
    """0.1 is no binary fraction and 1e6 before it would leave dust in a running sum."""
    bars = closes([1e6] * 30 + [0.1] * 20)
    assert last(bars, "bb_position") == 0.5
    assert last(bars, "bb_width") == 0.0
    assert last(closes([0.1] * 19 + [0.2]), "bb_position") == pytest.approx(0.5 + 19 / sqrt(20) / 4)


@pytest.mark.parametrize("price", [0.1 + 0.2, 1 / 3, 1e-8, 99_999.99, 7e15 / 3])
def test_bands_of_a_flat_window_have_no_width_whatever_the_price(price: float) -> None:
    """Twenty equal numbers are summed as 16 and 4, which rounds nothing (50 would): 0, and not nearly 0."""
    bars = closes([price * 1.37] * 3 + [price] * 20)
    assert last(bars, "bb_width") == 0.0
    assert last(bars, "bb_position") == 0.5
    assert last(bars, "bb_upper") == last(bars, "bb_lower")


def test_spread_over_atr() -> None:
    """Thirteen bars without range and one of 2: atr = 2/14, ratio 14; without any range the ratio is 1."""
    high = [10.0] * 14 + [12.0]
    assert last(closes([10.0] * 15, high=high), "spread_atr_ratio") == pytest.approx(14.0)
    assert last(closes([10.0] * 15), "spread_atr_ratio") == 1.0


@pytest.mark.parametrize(("rows", "name"), [(7, "sma_7"), (14, "sma_14"), (21, "sma_21"), (50, "sma_50")])
def test_moving_averages(rows: int, name: str) -> None:
    """1 … n has the mean (n + 1)/2; the close n is 2n/(n + 1) times it."""
    bars = closes([1e9, *np.arange(1.0, rows + 1.0)])
    assert last(bars, name) == (rows + 1) / 2
    assert last(bars, f"close_{name}_ratio") == pytest.approx(2 * rows / (rows + 1))


def _at(timeframe: str, opened: datetime) -> dict[str, float]:
    bars = makers.bars(1, timeframe, start=opened)
    names = ["session_tokyo", "session_london", "session_new_york", "day_of_week", "is_weekend"]
    return compute(bars, timeframe, names).select(names).row(0, named=True)


def test_sessions_as_shares_of_longer_bars() -> None:
    """[12,24) holds 5 of London's hours and 9 of New York's; a day 9 of each."""
    morning = _at("12h", datetime(2024, 1, 6, tzinfo=UTC))
    evening = _at("12h", datetime(2024, 1, 6, 12, tzinfo=UTC))
    assert (evening["session_tokyo"], evening["session_london"], evening["session_new_york"]) == (
        0,
        5 / 12,
        0.75,
    )
    day = _at("1d", datetime(2024, 1, 7, tzinfo=UTC))
    assert day["session_tokyo"] == day["session_london"] == day["session_new_york"] == 9 / 24
    assert (morning["day_of_week"], morning["is_weekend"]) == (5, 1)
    assert (day["day_of_week"], day["is_weekend"]) == (6, 1)


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "30m", "1h"])
def test_sessions_are_half_open_flags_up_to_an_hour(timeframe: str) -> None:
    step = timedelta(minutes=minutes_of(timeframe))
    for session, first, stop in [("tokyo", 0, 9), ("london", 8, 17), ("new_york", 13, 22)]:
        for hour, inside in [(first, 1.0), (stop, 0.0)]:
            at = datetime(1999, 12, 31, hour, tzinfo=UTC)  # a Friday
            assert _at(timeframe, at)[f"session_{session}"] == inside
            assert _at(timeframe, at - step)[f"session_{session}"] == 1.0 - inside
    assert _at(timeframe, datetime(1999, 12, 31, tzinfo=UTC))["day_of_week"] == 4


def test_a_jump_falls_too_and_needs_no_noise_before_it() -> None:
    """Sixty returns of ±1 % put the threshold at 0.030253; none at all at 0."""
    falls = np.cumprod([100.0, *[1.0 + one for one in (*[0.01, -0.01] * 30, -0.0303)]])
    assert last(closes(falls), "jump_indicator") == 1.0
    assert last(closes([100.0] * 61 + [100.01]), "jump_indicator") == 1.0
    assert last(closes([100.0] * 62), "jump_indicator") == 0.0


def test_effective_spread_is_weighted_by_size() -> None:
    """3 units at 2 bp and 1 unit at −1 bp: 5/4; the sum already carries the sizes."""
    known = {"trades": 2, "book_seconds": 60.0}
    bars = one_tick_bar(**known, effective_spread_sum=5.0, effective_spread_amount=4.0)
    assert last(bars, "effective_spread") == 1.25


@pytest.mark.parametrize(
    ("trades", "amount", "seconds", "expected"),
    [
        (0, 0.0, 60.0, 0.0),
        (2, 0.0, 60.0, None),
        (2, 4.0, 29.9, None),
        (0, 0.0, 29.9, None),
        (2, 4.0, 30.0, 1.25),
    ],
)
def test_effective_spread_without_trades_mids_or_book(
    trades: int, amount: float, seconds: float, expected: float | None
) -> None:
    bars = one_tick_bar(
        trades=trades, effective_spread_sum=5.0, effective_spread_amount=amount, book_seconds=seconds
    )
    assert last(bars, "effective_spread") == expected


BOOK_1 = ["bid_ask_spread", "order_book_imbalance", "microprice", "effective_spread", "arrival_price_impact"]
NEEDS = {
    "book_seconds": BOOK_1,
    "book_seconds_5": ["book_pressure_5", "weighted_mid_price"],
    "book_seconds_10": ["book_pressure_10"],
}


@pytest.mark.parametrize(("timeframe", "half"), [("1m", 30.0), ("15m", 450.0), ("1h", 1800.0)])
@pytest.mark.parametrize("column", NEEDS)
def test_book_known_for_less_than_half_of_the_bar_is_null(column: str, timeframe: str, half: float) -> None:
    all_names = [name for names in NEEDS.values() for name in names]
    for seconds, hidden in [(half, []), (np.nextafter(half, 0.0), NEEDS[column])]:
        table = compute(one_tick_bar(timeframe, trades=3, **{column: seconds}), timeframe, all_names)
        assert [name for name in all_names if table.get_column(name)[-1] is None] == hidden


def test_flow_of_a_bar_without_a_trade() -> None:
    empty = {"trades": 0, "bought": 0.0, "sold": 0.0, "large_trades": 0}
    none = dict.fromkeys(("size_mean", "size_m2", "price_mean", "price_m2", "mid_start", "mid_end"), nan)
    bars = one_tick_bar(**empty, **none).fill_nan(None)
    zeros = [
        "trade_intensity",
        "trade_size_mean",
        "trade_size_std",
        "tick_volatility",
        "arrival_price_impact",
    ]
    assert [last(bars, name) for name in zeros] == [0.0] * 5
    assert (last(bars, "buy_volume_ratio"), last(bars, "sell_volume_ratio")) == (0.5, 0.5)


def test_flow_from_sums_and_moments() -> None:
    """Sizes 1, 2, 3, 6 (Σ(x − 3)² = 14), prices 99, 101 twice each (Σ(x − 100)² = 4), in 15 minutes."""
    bars = one_tick_bar(
        "15m", trades=4, bought=9.0, sold=3.0, size_mean=3.0, size_m2=14.0, price_m2=4.0, close=100.0
    )
    assert last(bars, "trade_intensity", "15m") == pytest.approx(4 / 15)
    assert (last(bars, "buy_volume_ratio", "15m"), last(bars, "sell_volume_ratio", "15m")) == (0.75, 0.25)
    assert last(bars, "trade_size_mean", "15m") == 3.0
    assert last(bars, "trade_size_std", "15m") == pytest.approx(sqrt(14 / 3))
    assert last(bars, "tick_volatility", "15m") == pytest.approx(1e4 * sqrt(4 / 3) / 100)
    single = bars.with_columns(trades=pl.lit(1, pl.Int64))
    assert last(single, "trade_size_std", "15m") == last(single, "tick_volatility", "15m") == 0.0


def test_large_trades_are_a_share_of_the_bars_trades() -> None:
    bars = makers.bars(61).with_columns(trades=pl.lit(8, pl.Int64), large_trades=pl.lit(2, pl.Int64))
    assert last(bars, "large_trade_ratio") == 0.25
    assert compute(bars, "1m").get_column("large_trade_ratio").null_count() == 60
    none = bars.with_columns(trades=pl.lit(0, pl.Int64), large_trades=pl.lit(0, pl.Int64))
    assert last(none, "large_trade_ratio") == 0.0


@pytest.mark.parametrize(
    ("bought", "sold", "expected"), [(3.0, 1.0, 20.0), (1.0, 3.0, -20.0), (2.0, 2.0, 0.0)]
)
def test_price_impact_has_the_sign_of_the_net_volume(bought: float, sold: float, expected: float) -> None:
    """The mid rises from 100 to 100.2: 20 bp for buyers."""
    bars = one_tick_bar(trades=4, bought=bought, sold=sold, mid_start=100.0, mid_end=100.2)
    assert last(bars, "arrival_price_impact") == pytest.approx(expected)


MINUTE_LOOKBACKS = {  # rows hidden at 1 m, 5 m, 15 m, 1 h
    "bid_ask_spread": (1, 1, 1, 1),
    "microprice": (1, 0, 0, 0),
    "spread_volatility": (10, 2, 0, 0),
    "tick_volatility_5m": (4, 0, 0, 0),
    "large_trade_ratio": (60, 12, 4, 1),
    "vwap_distance": (59, 11, 3, 0),
    "trade_size_mean": (0, 0, 0, 0),
    "jump_indicator": (61, 61, 61, 61),
}


@pytest.mark.parametrize("name", MINUTE_LOOKBACKS)
def test_lookback_in_minutes_is_the_same_time_in_every_timeframe(name: str) -> None:
    """A value of the last minute looks back from there; one of the whole bar from its first minute."""
    for timeframe, hidden in zip(["1m", "5m", "15m", "1h"], MINUTE_LOOKBACKS[name], strict=True):
        column = compute(makers.bars(80, timeframe), timeframe, [name]).get_column(name)
        assert column.is_null().to_list() == [True] * hidden + [False] * (80 - hidden)


def test_bars_without_ticks_interrupt_tick_features_only() -> None:
    bars = makers.bars(40)
    mixed = pl.concat([bars.head(20), makers.without_ticks(bars.slice(20, 2)), bars.slice(22)])
    got = compute(mixed, "1m", ["sma_7", "trade_intensity", "tick_volatility_5m"])
    assert got.get_column("sma_7").equals(compute(bars, "1m", ["sma_7"]).get_column("sma_7"))
    assert got.get_column("trade_intensity").is_null().arg_true().to_list() == [20, 21]
    assert got.get_column("tick_volatility_5m").is_null().arg_true().to_list() == [0, 1, 2, 3, *range(20, 26)]


def test_refuses_bars_that_are_no_clean_series() -> None:
    bars = makers.bars(10)
    with pytest.raises(BadData, match="row 3"):
        compute(pl.concat([bars.head(3), bars.slice(2)]), "1m")
    with pytest.raises(BadData, match="sorted"):
        compute(bars.reverse(), "1m")
    with pytest.raises(BadData, match="'close' in every row, found 10 nulls"):
        compute(bars.with_columns(close=pl.lit(None, pl.Float64)), "1m")
    with pytest.raises(BadData, match="volume not found"):
        compute(bars.drop("volume"), "1m")
    with pytest.raises(BadData, match="open_time must be"):
        compute(bars.with_columns(pl.col("open_time").dt.replace_time_zone(None)), "1m")
    with pytest.raises(UnknownName, match="2m"):
        compute(bars, "2m")


def test_no_bars_give_no_rows_of_the_same_columns() -> None:
    bars = makers.bars(5)
    assert compute(bars.clear(), "1m").schema == compute(bars, "1m").schema
