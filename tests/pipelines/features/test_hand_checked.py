"""Twenty values by hand, ten of candles and ten of trades and order books; four of them are of recorded data.

Each docstring holds the whole arithmetic, to be redone with a pocket calculator, and the number at its end is the one
asserted. Microstructure runs from raw trades and book updates through minute bars and bars to the feature. Times of
trades and updates are seconds after midnight. Zero denominators and other edges: test_goldens.py, test_goldens_meta.py.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.features import compute
from pipelines.market.bars import one_minute
from pipelines.market.minute_bars import minute_bars
from pipelines.market.schemas import CANDLES
from tests.pipelines.features import makers, real_bars
from tests.pipelines.market.minute_bars_ticks import DAY, Trade, book_frame, ladder, trades_frame

Level = tuple[float, float]
Update = tuple[float, list[Level], list[Level]]


def closes(values: object, **columns: object) -> pl.DataFrame:
    """One-minute candles whose four prices are the closes given, with a volume of 1 unless said."""
    prices = {name: pl.Series(values, dtype=pl.Float64) for name in ("open", "high", "low", "close")}
    others = {"volume": np.ones(len(prices["close"])), **columns}
    changed = prices | {name: pl.Series(column, dtype=pl.Float64) for name, column in others.items()}
    return makers.without_ticks(makers.bars(len(prices["close"]))).with_columns(**changed)


def last(bars: pl.DataFrame, name: str, timeframe: str = "1m") -> float:
    return compute(bars, timeframe, [name])[name][-1]


def of_ticks(name: str, minute: int, trades: list[Trade], book: list[Update]) -> float:
    """The feature of the minute after midnight that begins with it, from raw ticks."""
    minutes = minute_bars(trades_frame(trades), book_frame(book), DAY)
    table = compute(one_minute(minutes, pl.DataFrame(schema=CANDLES)), "1m", [name])
    at = datetime(DAY.year, DAY.month, DAY.day, minute // 60, minute % 60, tzinfo=UTC)
    return table.filter(pl.col("open_time") == at)[name].item()


def about(value: float) -> object:
    """The number of a docstring: right to its last digit, and at least to a millionth."""
    return pytest.approx(value, rel=1e-7)


# --- ten of candles


def test_1_atr() -> None:
    """Closes 10; the 14th bar ranges from 9 to 11, the 15th opens at 14 and ranges from 14 to 15.

    True ranges: twelve times 0; 11 − 9 = 2; max(15 − 14, |15 − 10|, |14 − 10|) = 5.
    atr = (12·0 + 2 + 5)/14 = 7/14 = 0.5.
    """
    bars = closes([10.0] * 14 + [14.0], high=[10.0] * 13 + [11.0, 15.0], low=[10.0] * 13 + [9.0, 14.0])
    assert last(bars, "atr") == about(0.5)


def test_2_rsi_14() -> None:
    """Twelve moves up by 3, then down by 2 and by 5: U = 36, D = 7.

    100·36/(36 + 7) = 3600/43 = 83.7209302. The share of rising bars would be 12/14 = 85.7142857.
    """
    moves = [3.0] * 12 + [-2.0, -5.0]
    assert last(closes(np.cumsum([100.0, *moves])), "rsi_14") == about(83.7209302)


def test_3_macd() -> None:
    """Closes 100 for 300 bars, so both averages are 100; then 110 twice.

    Each bar takes 2/(n + 1) of what is left: ema_n = 110 − 10·(1 − 2/(n + 1))².
    ema_12: (11/13)² = 121/169 = 0.71597633; 110 − 7.1597633 = 102.8402367.
    ema_26: (25/27)² = 625/729 = 0.85733882; 110 − 8.5733882 = 101.4266118.
    macd = 102.8402367 − 101.4266118 = 1.4136249.
    """
    assert last(closes([100.0] * 300 + [110.0] * 2), "macd") == about(1.4136249)


def test_4_volume_trend() -> None:
    """Volumes 0, 0, …, 0, 6, 14 in 20 bars: mean 20/20 = 1.

    Slope = Σ (i − 9.5)·V_i / 665 = (8.5·6 + 9.5·14)/665 = (51 + 133)/665 = 184/665 = 0.276691729.
    Divided by the mean 1: 0.276691729.
    """
    bars = closes([5.0] * 20, volume=[0.0] * 18 + [6.0, 14.0])
    assert last(bars, "volume_trend") == about(0.276691729)


def test_5_bb_position() -> None:
    """Ten closes of 1, then ten of 3: mean 2, Σ(x − 2)² = 20, std = √(20/19) = 1.02597835.

    Lower band 2 − 2·1.02597835 = −0.0519567; upper band 4.0519567; width 4.1039134.
    (3 + 0.0519567)/4.1039134 = 0.74366989.
    """
    assert last(closes([1.0] * 10 + [3.0] * 10), "bb_position") == about(0.74366989)


def test_6_jump_indicator() -> None:
    """Sixty returns of +1 % and −1 % in turn, then one of +3.03 %.

    std of the sixty = √(60·0.01²/59) = 0.01·1.00843897; three times that is 0.03025317 < 0.0303: 1.
    At +3.02 % it is none: 0. With the jump itself as the last of the sixty it would be 0.0322, and never a jump.
    """
    before = [0.01, -0.01] * 30
    for size, flag in ((0.0303, 1.0), (0.0302, 0.0)):
        prices = np.cumprod([100.0, *[1.0 + one for one in (*before, size)]])
        assert last(closes(prices), "jump_indicator") == flag


@pytest.mark.real
def test_7_gk_volatility_of_a_real_candle(real_data: Path) -> None:
    """Binance BTC/USDT perpetual, 2025-05-04 15:33: O 95505.4, H 95505.5, L 95502.7, C 95502.7.

    ln(H/L) = ln(1 + 2.8/95502.7) = ln 1.0000293185428 = 0.0000293181130; its square 8.5955175e-10, half 4.2977588e-10.
    ln(C/O) = ln(1 − 2.7/95505.4) = ln 0.9999717293472 = −0.0000282710524; its square 7.9925240e-10.
    2·ln 2 − 1 = 0.38629436; times 7.9925240e-10 = 3.0874670e-10.
    √(4.2977588e-10 − 3.0874670e-10) = √1.2102918e-10 = 0.0000110013263.
    """
    first = real_bars.candle_bars(real_data, "binance_usdm_BTCUSDT_1m").head(1)
    assert first.select("open", "high", "low", "close").row(0) == (95505.4, 95505.5, 95502.7, 95502.7)
    assert last(first, "gk_volatility") == about(0.0000110013263)


def test_8_session_london_as_a_share_of_twelve_hours() -> None:
    """[00:00, 12:00) and London's [08:00, 17:00) share 08:00 to 12:00: 4 of 12 hours = 0.33333333.

    Tokyo's [00:00, 09:00) has 9 of 12 = 0.75, New York's [13:00, 22:00) none.
    """
    bars = makers.bars(1, "12h")
    assert last(bars, "session_london", "12h") == about(0.33333333)
    assert last(bars, "session_tokyo", "12h") == 0.75
    assert last(bars, "session_new_york", "12h") == 0.0


def test_9_price_volume_corr() -> None:
    """Of 36 bars one rises by 1 %; it and one other bar trade 4, the others 1.

    Counting units does not matter to a correlation: r is x·0.01 with one x = 1, V is 1 + 3·y with two y = 1.
    Σx = 1, Σy = 2, Σxy = 1, Σx² = 1, Σy² = 2, n = 36.
    (36·1 − 1·2)/√((36·1 − 1²)·(36·2 − 2²)) = 34/√(35·68) = 34/48.7852437 = 0.69693205.
    """
    prices = [100.0] * 21 + [101.0] * 16
    volumes = [9.0] + [1.0] * 9 + [4.0] + [1.0] * 10 + [4.0] + [1.0] * 15
    assert last(closes(prices, volume=volumes), "price_volume_corr") == about(0.69693205)


def test_10_mom_3_is_three_bars() -> None:
    """Closes 100, 1, 1, 150: 150/100 − 1 = 0.5; over two bars it would be 150/1 − 1 = 149."""
    bars = closes([100.0, 1.0, 1.0, 150.0])
    assert compute(bars, "1m", ["mom_3"])["mom_3"].to_list() == [None, None, None, 0.5]


# --- ten of trades and order books


def test_11_bid_ask_spread_is_weighted_by_time() -> None:
    """Minute 1, from 60 to 120 s. From before it 99/101 stands, at 75 s comes 99.5/100.5; mid 100 both times.

    1e4·2/100 = 200 bp for 15 s, 1e4·1/100 = 100 bp for 45 s: (200·15 + 100·45)/60 = 7500/60 = 125.
    """
    book = [(59.0, [(99.0, 1.0)], [(101.0, 1.0)]), (75.0, [(99.5, 1.0)], [(100.5, 1.0)])]
    assert of_ticks("bid_ask_spread", 1, [(30.0, 1, 100.0, 1.0)], book) == about(125.0)


def test_12_book_pressure_5() -> None:
    """Five levels and no more: at first bids of 1, 2, 3, 4, 5 and asks of 1 each, (15 − 5)/20 = 0.5 for 20 s.

    From 80 s on bids of 1 each and asks of 4 each: (5 − 20)/25 = −0.6 for 40 s.
    (0.5·20 − 0.6·40)/60 = (10 − 24)/60 = −0.233333333. A sixth bid of 1,000 does not count.
    """

    def side(sign: int, sizes: list[float]) -> list[Level]:
        return [(100.0 + sign * (k + 1), size) for k, size in enumerate(sizes)]

    first = (59.0, side(-1, [1.0, 2.0, 3.0, 4.0, 5.0, 1000.0]), side(1, [1.0] * 6))
    then = (80.0, side(-1, [1.0] * 5 + [1000.0]), side(1, [4.0] * 6))
    trades = [(30.0, 1, 100.0, 1.0)]
    assert of_ticks("book_pressure_5", 1, trades, [first, then]) == about(-0.233333333)


def test_13_weighted_mid_price() -> None:
    """Last state of minute 1: bids 99·1, 98·2, 97·3, 96·2, 95·2, asks 101·4, 102·6, 103·5, 104·3, 105·2.

    V_b = 10, B₅ = (99 + 196 + 291 + 192 + 190)/10 = 96.8; V_a = 20, A₅ = (404 + 612 + 515 + 312 + 210)/20 = 102.65.
    Each side is weighted by the other's size: (96.8·20 + 102.65·10)/30 = (1936 + 1026.5)/30 = 98.75.
    The first level alone, the microprice: (99·4 + 101·1)/5 = 497/5 = 99.4.
    """
    bids = [(99.0, 1.0), (98.0, 2.0), (97.0, 3.0), (96.0, 2.0), (95.0, 2.0), (94.0, 500.0)]
    asks = [(101.0, 4.0), (102.0, 6.0), (103.0, 5.0), (104.0, 3.0), (105.0, 2.0), (106.0, 500.0)]
    book = [(30.0, *ladder(100.0)), (70.0, bids, asks)]
    assert of_ticks("weighted_mid_price", 1, [(30.0, 1, 100.0, 1.0)], book) == about(98.75)
    assert of_ticks("microprice", 1, [(30.0, 1, 100.0, 1.0)], book) == about(99.4)


@pytest.mark.real
def test_14_microprice_of_a_real_book(real_data: Path) -> None:
    """Binance BTC/USDT futures, last snapshot before 2024-07-18 23:59, at 58.770 s of minute 23:58.

    Bid 63947.9 with 20.469, ask 63948.0 with 0.236: long bids push the price to the ask.
    (63947.9·0.236 + 63948.0·20.469)/20.705 = 63947.9 + 0.1·20.469/20.705 = 63947.9 + 0.0988602 = 63947.9988602.
    With the sizes swapped it would be 63947.9011398.
    """
    bars = real_bars.tick_bars(*real_bars.recorded_ticks(real_data, "BTCUSDT"))
    at = bars["open_time"] == datetime(2024, 7, 18, 23, 58, tzinfo=UTC)
    value = compute(bars, "1m", ["microprice"]).filter(at)["microprice"].item()
    assert value == pytest.approx(63947.9988602, abs=1e-6)


def test_15_effective_spread_is_against_the_mid_before_the_trade() -> None:
    """Mid 100 stands. At 62 s someone buys 2 at 100.02; stamped alike an update moves the mid to 100.1.

    2e4·(100.02 − 100)/100 = 4 bp. At 63 s someone sells 1 at 100.07: 2e4·(100.1 − 100.07)/100.1 = 5.99400599 bp.
    Weighted by size: (2·4 + 1·5.99400599)/3 = 13.99400599/3 = 4.66466866.
    Against the mid after the trade the first would have been −15.98 bp.
    """
    trades = [(30.0, 1, 100.0, 1.0), (62.0, 1, 100.02, 2.0), (63.0, -1, 100.07, 1.0)]
    book = [(59.0, *ladder(100.0)), (62.0, *ladder(100.1))]
    assert of_ticks("effective_spread", 1, trades, book) == about(4.66466866)


def test_16_large_trade_ratio_is_measured_against_the_hour_before() -> None:
    """Sixty minutes with one trade each, of 1 and 3 in turn: μ = 2, σ = √(60·1/59) = 1.00843897.

    μ + 2σ = 4.01687794. Of the trades of 4.01, 4.02, 10, 1 and 1 in minute 60 two are larger: 2/5 = 0.4.
    With σ over 60 instead of 59 it would be 3/5 (above 4), with the minute itself in μ and σ 1/5 (above 5.03).
    """
    hour = [(60.0 * minute + 30.0, 1, 100.0, 1.0 + 2.0 * (minute % 2)) for minute in range(60)]
    here = [(3601.0 + k, -1, 100.0, size) for k, size in enumerate((4.01, 4.02, 10.0, 1.0, 1.0))]
    assert of_ticks("large_trade_ratio", 60, hour + here, []) == about(0.4)


@pytest.mark.real
def test_17_tick_volatility_of_a_real_minute(real_data: Path) -> None:
    """XRP/ETH on Binance, 2019-10-11 00:05: four trades at 141331, 141469, 141331 and 141192, times 1e-8 ETH.

    Mean 141330.75; deviations 0.25, 138.25, 0.25, −138.75; squares 0.0625, 19113.0625, 0.0625, 19251.5625.
    Their sum 38364.75; over three 12788.25; root 113.085145; over the close: 1e4·113.085145/141192 = 8.00931674.
    """
    bars = real_bars.trade_bars(real_bars.xrp_eth_trades(real_data))
    at = bars["open_time"] == datetime(2019, 10, 11, 0, 5, tzinfo=UTC)
    assert bars.filter(at)["trades"].item() == 4
    value = compute(bars, "1m", ["tick_volatility"]).filter(at)["tick_volatility"].item()
    assert value == about(8.00931674)


def test_18_realized_volatility_begins_with_the_trade_before_the_bar() -> None:
    """100 at 55 s; in minute 1 a trade at 101 and one at 100: returns ln 1.01 = 0.00995033085 and its negative.

    1e8·2·0.00995033085² = 2e8·0.0000990090840 = 19801.8168. Without the first return it would be half of that.
    """
    trades = [(55.0, 1, 100.0, 1.0), (62.0, 1, 101.0, 1.0), (90.0, -1, 100.0, 1.0)]
    assert of_ticks("realized_volatility", 1, trades, []) == about(19801.8168)


def test_19_vwap_distance() -> None:
    """Minutes 0 to 58 trade 1 at 100 each, minute 59 trades 1 at 106; 1,000 at 50 were an hour and more ago.

    vwap = (59·100 + 106)/60 = 6006/60 = 100.1; 1e4·(106 − 100.1)/100.1 = 59000/100.1 = 589.410589.
    """
    old = [(-30.0, 1, 50.0, 1000.0)]
    hour = [(60.0 * minute + 30.0, 1, 100.0, 1.0) for minute in range(59)]
    assert of_ticks("vwap_distance", 59, [*old, *hour, (3570.0, 1, 106.0, 1.0)], []) == about(589.410589)


@pytest.mark.real
def test_20_arrival_price_impact_of_a_real_minute(real_data: Path) -> None:
    """Binance BTC/USDT futures, 2024-07-18 23:58: bought 6.155, sold 27.375, so the sign is −1.

    Before 23:58 63952.6/63952.7 stood, mid 63952.65; before 23:59 63947.9/63948.0, mid 63947.95.
    −1e4·(63947.95 − 63952.65)/63952.65 = 47000/63952.65 = 0.734918725.
    """
    bars = real_bars.tick_bars(*real_bars.recorded_ticks(real_data, "BTCUSDT"))
    at = bars["open_time"] == datetime(2024, 7, 18, 23, 58, tzinfo=UTC)
    assert bars.filter(at).select("bought", "sold").row(0) == pytest.approx((6.155, 27.375), rel=1e-12)
    value = compute(bars, "1m", ["arrival_price_impact"]).filter(at)["arrival_price_impact"].item()
    assert value == about(0.734918725)
