"""Values worked by hand of the twelve features of meta17 that bars alone give, and of intraday12.

mom_3, a real gk_volatility and a correlation in full: test_hand_checked.py.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import log, sqrt

import numpy as np
import polars as pl
import pytest

from pipelines.errors import BadData
from pipelines.features import compute
from pipelines.features.continued import continued
from pipelines.market.calendars import calendar_of
from pipelines.market.schemas import BARS
from tests.pipelines.features import makers

Values = Sequence[float] | np.ndarray


def closes(values: Values, timeframe: str = "1m", **columns: Values) -> pl.DataFrame:
    """Candles whose four prices are the closes given, with a volume of 1 unless said."""
    prices = {name: pl.Series(values, dtype=pl.Float64) for name in ("open", "high", "low", "close")}
    others = {"volume": pl.Series(np.ones(len(values)))} | {
        name: pl.Series(column, dtype=pl.Float64) for name, column in columns.items()
    }
    return makers.without_ticks(makers.bars(len(values), timeframe)).with_columns(**(prices | others))


def column(bars: pl.DataFrame, name: str, timeframe: str = "1m") -> list[float | None]:
    return compute(bars, timeframe, [name])[name].to_list()


def last(bars: pl.DataFrame, name: str, timeframe: str = "1m") -> float | None:
    return column(bars, name, timeframe)[-1]


def walk(returns: Values) -> np.ndarray:
    """Closes from 100 on with these returns."""
    return np.cumprod([100.0, *(1 + one for one in returns)])


def tick_bar(**values: float) -> pl.DataFrame:
    """Three bars of ticks with these columns."""
    bars = makers.bars(3, seed=4)
    return bars.with_columns(pl.lit(value).cast(BARS[name]).alias(name) for name, value in values.items())


def test_mom_1_and_jump_magnitude_are_one_return() -> None:
    """100 → 90: −0.1 and 0.1."""
    assert last(closes([100.0, 90.0]), "mom_1") == pytest.approx(-0.1, rel=1e-14)
    assert last(closes([100.0, 90.0]), "jump_magnitude") == pytest.approx(0.1, rel=1e-14)


def test_mr_ema20_z_after_a_jump() -> None:
    """From a flat 100 to 110: d = 10·(19/21)^(k+1) after k more bars, so the size cancels in d/std.

    At the jump one d of 50 is not 0: std = d/√50 and z = √50 = 7.07, clipped to 5. After 9 more z is that of the
    tenth of ten falling powers among forty zeros.
    """
    assert last(closes([100.0] * 303 + [110.0]), "mr_ema20_z") == 5.0
    assert last(closes([100.0] * 303 + [90.0]), "mr_ema20_z") == -5.0
    powers = [(19 / 21) ** k for k in range(1, 11)]
    mean = sum(powers) / 50
    std = sqrt((sum((x - mean) ** 2 for x in powers) + 40 * mean**2) / 49)
    assert last(closes([100.0] * 303 + [110.0] * 10), "mr_ema20_z") == pytest.approx(
        powers[-1] / std, rel=1e-9
    )
    assert last(closes([100.0] * 304), "mr_ema20_z") == 0.0


@pytest.mark.parametrize(
    ("timeframe", "terms"), [("1m", 60), ("5m", 12), ("15m", 4), ("30m", 2), ("1h", 12), ("1d", 12)]
)
def test_rv_1h_has_as_many_terms_as_an_hour_has_bars(timeframe: str, terms: int) -> None:
    """One return of 10 % counts in `terms` bars and no longer; an earlier system had 11 of 60."""
    got = column(closes(walk([0.0] * terms + [0.1] + [0.0] * terms), timeframe), "rv_1h", timeframe)
    assert got[:terms] == [None] * terms
    assert got[terms:] == pytest.approx([0.0] + [0.1] * terms + [0.0], rel=1e-12)


def test_rv_1h_adds_squares() -> None:
    """√(3² + 4² + 12²)·1 % over 4 quarters of an hour is 13 %."""
    assert last(closes(walk([0.03, -0.04, 0.12, 0.0]), "15m"), "rv_1h", "15m") == pytest.approx(
        0.13, rel=1e-12
    )


@pytest.mark.parametrize(("size", "high"), [(0.0608, 0.0), (0.0609, 1.0), (-0.0609, 1.0)])
def test_regime_high_vol_is_measured_against_the_bars_before(size: float, high: float) -> None:
    """Hours of ±1 %: rv = 0.01·√12 throughout, twice that is √0.0048. With a last return r it is √(0.0011 + r²).

    That is more for r² > 0.0037, so |r| > 0.06083. 12 + 168 + 1 bars are needed.
    """
    bars = closes(walk([*[0.01, -0.01] * 90, size]), "1h")
    got = column(bars, "regime_high_vol", "1h")
    assert got[:180] == [None] * 180
    assert got[180:] == [0.0, high]


def test_gk_volatility_of_one_bar() -> None:
    """½·ln²(110/90) − 0.386294·ln²(1.05) = 0.0201343 − 0.0009195; the root is 0.138618."""
    bars = closes([105.0], open=[100.0], high=[110.0], low=[90.0])
    assert last(bars, "gk_volatility") == pytest.approx(0.138618, rel=1e-5)
    expected = sqrt(0.5 * log(11 / 9) ** 2 - (2 * log(2) - 1) * log(1.05) ** 2)
    assert last(bars, "gk_volatility") == pytest.approx(expected, rel=1e-14)
    assert last(closes([100.0]), "gk_volatility") == 0.0


def test_volume_intensity() -> None:
    """49 bars of 1 and one of 51: mean 2, 51/2 − 1 = 24.5. All in the last bar: 50 − 1 = 49. Nothing: 0."""
    assert last(closes([5.0] * 50, volume=[1.0] * 49 + [51.0]), "volume_intensity") == pytest.approx(24.5)
    assert last(closes([5.0] * 50, volume=[0.0] * 49 + [3.0]), "volume_intensity") == 49.0
    assert last(closes([5.0] * 50, volume=[7.0] + [1.0] * 48 + [0.0]), "volume_intensity") == -1.0
    assert last(closes([5.0] * 51, volume=[1e9] + [0.0] * 50), "volume_intensity") == 0.0


def test_price_efficiency() -> None:
    """From 100 to 106 in a range of 98 to 110: 6/12. A gap up to 110 without a range: 10/10. Standing still: 0."""
    bars = closes([100.0, 106.0], high=[100.0, 110.0], low=[100.0, 98.0])
    assert last(bars, "price_efficiency") == 0.5
    assert last(closes([100.0, 110.0]), "price_efficiency") == 1.0
    assert last(closes([100.0, 100.0]), "price_efficiency") == 0.0


def test_price_volume_corr() -> None:
    """±1 % with a volume of 3 up and 1 down is 1; turned round −1; alike in half of the pairs 0."""
    prices = walk([0.01, -0.01] * 18)
    assert last(closes(prices, volume=[9.0] + [3.0, 1.0] * 18), "price_volume_corr") == pytest.approx(1.0)
    assert last(closes(prices, volume=[9.0] + [1.0, 3.0] * 18), "price_volume_corr") == pytest.approx(-1.0)
    half = [9.0] + [3.0, 1.0] * 9 + [1.0, 3.0] * 9
    assert last(closes(prices, volume=half), "price_volume_corr") == pytest.approx(0.0, abs=1e-12)
    assert last(closes(prices), "price_volume_corr") == 0.0
    assert last(closes([0.1] * 37, volume=np.arange(37.0)), "price_volume_corr") == 0.0


def test_vwap_momentum() -> None:
    """Eleven bars of 1 at 100 and one of 9 at 110: w = 2090/20 = 104.5, 110/104.5 − 1 = 1/19."""
    bars = closes([100.0] * 11 + [110.0], volume=[1.0] * 11 + [9.0])
    assert last(bars, "vwap_momentum") == pytest.approx(1 / 19, rel=1e-12)
    assert last(closes([100.0] * 12 + [110.0], volume=[1e6] + [0.0] * 12), "vwap_momentum") == 0.0


def test_depth_proxy() -> None:
    """As much as usual in a range of 1 % (100 bp): ln 2 − ln 101. Nothing in 288 bars: −ln 101."""
    wide = {"high": [100.0] * 287 + [100.5], "low": [100.0] * 287 + [99.5]}
    assert last(closes([100.0] * 288, **wide), "depth_proxy") == pytest.approx(log(2) - log(101), rel=1e-12)
    silent = closes([100.0] * 288, volume=[0.0] * 288, **wide)
    assert last(silent, "depth_proxy") == pytest.approx(-log(101), rel=1e-12)


def test_momentum_of_minutes_whatever_the_bar() -> None:
    """From 100 up by 1 a bar: five minutes are 5 bars of 1 m (105/100), half an hour 30 of 1 m and 2 of 15 m."""
    rising = 100.0 + np.arange(31.0)
    assert column(closes(rising), "momentum_5m")[4:6] == [None, pytest.approx(0.05)]
    assert column(closes(rising), "momentum_15m")[14:16] == [None, pytest.approx(0.15)]
    assert column(closes(rising), "momentum_30m")[29:] == [None, pytest.approx(0.30)]
    assert column(closes(rising[:3], "15m"), "momentum_30m", "15m") == [None, None, pytest.approx(0.02)]
    assert column(closes(rising[:2], "5m"), "momentum_5m", "5m") == [None, pytest.approx(0.01)]


def test_vwap_60_of_candles() -> None:
    """59 of 1 at 100 and one of 3 at H 170, L 130, C 150, so at 150: (5900 + 450)/62; without a trade C."""
    bars = closes(
        [100.0] * 59 + [150.0],
        volume=[1.0] * 59 + [3.0],
        high=[100.0] * 59 + [170.0],
        low=[100.0] * 59 + [130.0],
    )
    assert last(bars, "vwap_60") == pytest.approx(6350 / 62, rel=1e-14)
    silent = closes([100.0] * 60 + [150.0], volume=[1e6] + [0.0] * 60)
    assert column(silent, "vwap_60")[59:] == [100.0, 150.0]


def test_vwap_60_of_the_trades_where_they_are_known() -> None:
    """C = 101 is 100 bp above 100; at 5 m sixty bars are five hours, which vwap_distance does not know."""
    assert last(closes([101.0] * 60, vwap_distance=[100.0] * 60), "vwap_60") == pytest.approx(
        100.0, rel=1e-14
    )
    mixed = closes([101.0] * 61, vwap_distance=[100.0] * 60 + [np.nan]).with_columns(
        pl.col("vwap_distance").fill_nan(None)
    )
    assert last(mixed, "vwap_60") == pytest.approx(101.0, rel=1e-14)
    assert last(closes([101.0] * 60, "5m", vwap_distance=[100.0] * 60), "vwap_60", "5m") == pytest.approx(
        101.0, rel=1e-14
    )


@pytest.mark.parametrize(("bought", "sold", "expected"), [(3.0, 1.0, 0.5), (0.0, 2.0, -1.0), (0.0, 0.0, 0.0)])
def test_volume_imbalance(bought: float, sold: float, expected: float) -> None:
    assert last(tick_bar(bought=bought, sold=sold), "volume_imbalance") == expected
    assert last(closes([1.0, 2.0]), "volume_imbalance") is None


def test_order_flow_imbalance_is_measured_in_mean_sizes() -> None:
    """6 flowed in; the mean size was 120 base·s/60 s = 2, so 3 of it. Known for 29.9 s it is null."""
    known = {"flow_imbalance_sum": 6.0, "level1_size_sum": 120.0}
    assert last(tick_bar(**known, book_seconds=60.0), "order_flow_imbalance") == 3.0
    assert last(tick_bar(**known, book_seconds=30.0), "order_flow_imbalance") == 1.5
    assert last(tick_bar(**known, book_seconds=29.9), "order_flow_imbalance") is None


def hours(count: int, start: datetime, returns: Values | None = None) -> pl.DataFrame:
    """Hourly candles from a moment on."""
    moved = np.resize([0.01, -0.01], count - 1) if returns is None else returns
    bars = closes(walk(moved), "1h")
    return bars.with_columns(open_time=bars["open_time"] - makers.START + start)


@pytest.mark.parametrize(("hour", "days"), [(0, 31), (12, 31), (13, 32), (20, 32)])
def test_volatility_regime_waits_for_thirty_whole_days(hour: int, days: int) -> None:
    """Hours from some hour of 1 January on; rv_1h needs the 12 bars before its own.

    2 January is whole when at least 12 bars lie before it, else 3 January is the first; thirty days later it is known.
    """
    bars = hours(24 * 34, datetime(2024, 1, 1, hour, tzinfo=UTC))
    got = compute(bars, "1h", ["volatility_regime"])
    first = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=days)
    assert got.filter(pl.col("volatility_regime").is_not_null())["open_time"][0] == first
    assert got.filter(pl.col("open_time") >= first)["volatility_regime"].null_count() == 0


def test_volatility_regime_by_terciles_of_the_days_before() -> None:
    """Ten days each of ±1, ±2 and ±3 %: terciles are rv of 1 and 2 %, more or less. Then a day of each.

    A return of 0.5 % throughout is calm (0), 2 % lies between (1), 5 % is wild (2); the day itself is not counted.
    """
    month = [size * (-1) ** k for size in (0.01, 0.02, 0.03) for k in range(240)]
    for size, regime in ((0.005, 0.0), (0.018, 1.0), (0.05, 2.0)):
        today = [size * (-1) ** k for k in range(24)]
        bars = hours(24 * 32, datetime(2024, 1, 1, tzinfo=UTC), [*[0.01, -0.01] * 11, 0.01, *month, *today])
        assert last(bars, "volatility_regime", "1h") == regime


def test_the_future_never_changes_the_regime() -> None:
    bars = makers.bars(24 * 35, "1h", seed=11)
    whole = column(bars, "volatility_regime", "1h")
    assert set(whole[31 * 24 :]) == {0.0, 1.0, 2.0}
    for cut in range(31 * 24 - 2, bars.height, 13):
        crash = bars.slice(cut + 1).with_columns(pl.col("open", "high", "low", "close") * 1e-6)
        for changed in (bars.head(cut + 1), pl.concat([bars.head(cut + 1), crash])):
            assert column(changed, "volatility_regime", "1h")[: cut + 1] == whole[: cut + 1]


def test_intraday_return_is_from_the_open_of_the_day() -> None:
    """Opened at 100 at 00:00, 98 at 23:00; the next day opens at 50."""
    bars = closes([*np.linspace(101.0, 98.0, 24), 55.0], "1h", open=[100.0] * 24 + [50.0])
    got = column(bars, "intraday_return", "1h")
    assert (got[0], got[23], got[24]) == (pytest.approx(0.01), pytest.approx(-0.02), pytest.approx(0.1))


def test_intraday_return_is_null_until_a_day_begins() -> None:
    """Bars from 22:00 on know no open of their day; after a gap at 03:00 nor do those up to midnight."""
    start = datetime(2024, 1, 1, 22, tzinfo=UTC)
    bars = hours(60, start).filter(pl.col("open_time") != datetime(2024, 1, 2, 3, tzinfo=UTC))
    got = compute(bars, "1h", ["intraday_return"]).filter(pl.col("intraday_return").is_not_null())
    assert got["open_time"][0] == datetime(2024, 1, 2, tzinfo=UTC)
    assert got["open_time"].dt.date().n_unique() == 3
    assert got.filter(pl.col("open_time").dt.day() == 2).height == 3


@pytest.mark.parametrize(
    ("timeframe", "first", "last_but_one"), [("1m", 1439, 1), ("1h", 1380, 60), ("12h", 720, 720)]
)
def test_minutes_to_close_count_from_the_bars_close(timeframe: str, first: int, last_but_one: int) -> None:
    bars = makers.bars(1440 * 2 // {"1m": 1, "1h": 60, "12h": 720}[timeframe], timeframe)
    got = column(bars, "minutes_to_close", timeframe)
    day = len(got) // 2
    assert (got[0], got[day - 2], got[day - 1]) == (first / 1440, last_but_one / 1440, 0.0)
    assert got[day:] == got[:day]


def test_a_session_has_its_own_open_and_close() -> None:
    """New York on 5 July 2024: 13:30 to 20:00 UTC; the half day of the 3rd ends at 17:00."""
    calendar = calendar_of("XNYS")
    span = (datetime(2024, 7, 3, tzinfo=UTC), datetime(2024, 7, 6, tzinfo=UTC))
    opens, sessions = calendar.opens(*span, "30m"), calendar.sessions(*span)
    assert len(opens) == 7 + 13
    bars = closes(100.0 + np.arange(20.0), "30m").with_columns(open_time=opens)
    got = compute(bars, "30m", ["intraday_return", "minutes_to_close"], sessions=sessions)
    assert got["intraday_return"].to_list() == pytest.approx(
        [k / 100 for k in range(7)] + [k / 107 for k in range(13)]
    )
    left = [*range(180, -1, -30), *range(360, -1, -30)]
    assert got["minutes_to_close"].to_list() == pytest.approx([x / 1440 for x in left])
    without = compute(bars.slice(1), "30m", ["intraday_return"], sessions=sessions)["intraday_return"]
    assert without.is_null().to_list() == [True] * 6 + [False] * 13


@pytest.mark.parametrize("at", [datetime(2024, 7, 5, 12, tzinfo=UTC), datetime(2024, 7, 5, 20, tzinfo=UTC)])
def test_a_bar_outside_the_sessions_is_refused(at: datetime) -> None:
    sessions = calendar_of("XNYS").sessions(
        datetime(2024, 7, 1, tzinfo=UTC), datetime(2024, 7, 6, tzinfo=UTC)
    )
    bars = makers.bars(1, "30m", start=at)
    with pytest.raises(BadData, match="outside the sessions"):
        compute(bars, "30m", ["minutes_to_close"], sessions=sessions)


def test_a_night_is_no_unknown_gap_and_a_missing_bar_is_one() -> None:
    """Three sessions of New York at 30 m, the half day of 3 July and a holiday: sma_14 runs through the nights.

    With the last bar of the 3rd missing, 14 bars must follow it; momentum_30m, in minutes, ends at each close.
    """
    calendar = calendar_of("XNYS")
    span = (datetime(2024, 7, 2, tzinfo=UTC), datetime(2024, 7, 6, tzinfo=UTC))
    opens, sessions = calendar.opens(*span, "30m"), calendar.sessions(*span)
    assert len(opens) == 13 + 7 + 13
    bars = closes(100.0 + np.arange(33.0), "30m").with_columns(open_time=opens)
    names = ["sma_14", "mom_1", "momentum_30m"]
    got = compute(bars, "30m", names, sessions=sessions)
    assert got["sma_14"].is_null().arg_true().to_list() == list(range(13))
    assert got["sma_14"][20] == pytest.approx(np.mean(100.0 + np.arange(7, 21)))
    assert got["mom_1"].is_null().arg_true().to_list() == [0]
    assert got["momentum_30m"].is_null().arg_true().to_list() == [0, 13, 20]
    holed = compute(bars.filter(pl.int_range(pl.len()) != 19), "30m", names, sessions=sessions)
    assert holed["sma_14"].is_null().arg_true().to_list() == [*range(13), *range(19, 32)]
    assert compute(bars, "30m", ["sma_14"])["sma_14"].null_count() == 33  # nobody said that the market closes
    for first in (1, 13, 15, 20, 32):
        told = continued(bars.head(first), bars.slice(first), "30m", names, sessions=sessions)
        assert told.equals(got.slice(first))
