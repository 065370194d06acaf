"""Wrong definitions that people do write are no leaks; each is refused by the golden value of its feature.

Of every value worked out by hand one fault: the golden passes with the declared formula and fails with the fault in its
place. Faults inside minute bars are the business of the oracle (test_minute_bars_oracle.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.features import Feature, catalogue, sets
from pipelines.features.block import Array, Block
from pipelines.features.causality import declared_leaks
from pipelines.features.rolling import lag, window_mean, window_std, window_sum
from tests.pipelines.features import makers
from tests.pipelines.features import test_goldens_meta as meta
from tests.pipelines.features import test_hand_checked as by_hand

Formula = Callable[[Block], Array]


@dataclass(frozen=True)
class Fault:
    feature: str
    story: str
    formula: Formula
    golden: Callable[..., None]
    arguments: tuple[object, ...] = ()


def returns(x: Block, bars: int = 1) -> Array:
    return x.close / lag(x.close, bars) - 1.0


def smoothed(values: Array, alpha: float) -> Array:
    return pl.Series(values).ewm_mean(alpha=alpha, adjust=False).to_numpy()


def correlation(a: Array, b: Array, n: int) -> Array:
    both = window_sum(a * b, n) * n - window_sum(a, n) * window_sum(b, n)
    of = [window_sum(v * v, n) * n - window_sum(v, n) ** 2 for v in (a, b)]
    return both / np.sqrt(of[0] * of[1])


def band_position(x: Block) -> Array:
    std = window_std(x.close, 20) * np.sqrt(19 / 20)
    return (x.close - window_mean(x.close, 20) + 2 * std) / (4 * std)


def jumps_against_themselves(x: Block) -> Array:
    r = returns(x)
    variance = (window_sum(r * r, 60) - window_sum(r, 60) ** 2 / 60) / 59
    return (r * r > 9 * variance).astype(float)


def open_in_london(x: Block) -> Array:
    hour = x.open_time // 3_600_000_000 % 24
    return ((hour >= 8) & (hour < 17)).astype(float)


def wide_garman_klass(x: Block) -> Array:
    return np.sqrt(
        np.maximum(0.0, 0.5 * np.log(x.high / x.low) ** 2 - 2 * np.log(2) * np.log(x.close / x.open) ** 2)
    )


FAULTS = (
    Fault(
        "atr",
        "range of the bar, not true range",
        lambda x: window_mean(x.high - x.low, 14),
        by_hand.test_1_atr,
    ),
    Fault(
        "rsi_14",
        "share of rising bars",
        lambda x: 100 * window_mean((x.close > lag(x.close, 1)) * 1.0, 14),
        by_hand.test_2_rsi_14,
    ),
    Fault(
        "macd",
        "Wilder's 1/n for 2/(n + 1)",
        lambda x: smoothed(x.close, 1 / 12) - smoothed(x.close, 1 / 26),
        by_hand.test_3_macd,
    ),
    Fault(
        "volume_trend",
        "last less first",
        lambda x: (x.volume - lag(x.volume, 19)) / 19 / window_mean(x.volume, 20),
        by_hand.test_4_volume_trend,
    ),
    Fault("bb_position", "ddof 0", band_position, by_hand.test_5_bb_position),
    Fault(
        "jump_indicator",
        "the jump is in its own threshold",
        jumps_against_themselves,
        by_hand.test_6_jump_indicator,
    ),
    Fault(
        "session_london",
        "a flag of the open",
        open_in_london,
        by_hand.test_8_session_london_as_a_share_of_twelve_hours,
    ),
    Fault(
        "price_volume_corr",
        "prices for returns",
        lambda x: correlation(x.close, x.volume, 36),
        by_hand.test_9_price_volume_corr,
    ),
    Fault("mom_3", "two bars", lambda x: returns(x, 2), by_hand.test_10_mom_3_is_three_bars),
    Fault(
        "bid_ask_spread",
        "half of the spread",
        lambda x: x.bid_ask_spread / 2,
        by_hand.test_11_bid_ask_spread_is_weighted_by_time,
    ),
    Fault("book_pressure_5", "asks less bids", lambda x: -x.book_pressure_5, by_hand.test_12_book_pressure_5),
    Fault(
        "microprice",
        "sizes swapped: mirrored in the mid",
        lambda x: 2 * x.mid_end - x.microprice,
        by_hand.test_13_weighted_mid_price,
    ),
    Fault(
        "effective_spread",
        "half of it",
        lambda x: x.effective_spread_sum / x.effective_spread_amount / 2,
        by_hand.test_15_effective_spread_is_against_the_mid_before_the_trade,
    ),
    Fault(
        "large_trade_ratio",
        "large to small",
        lambda x: x.large_trades / (x.trades - x.large_trades),
        by_hand.test_16_large_trade_ratio_is_measured_against_the_hour_before,
    ),
    Fault(
        "realized_volatility",
        "its root",
        lambda x: np.sqrt(x.realized_variance),
        by_hand.test_18_realized_volatility_begins_with_the_trade_before_the_bar,
    ),
    Fault(
        "vwap_distance",
        "over the close",
        lambda x: 1e4 * (1 - 1 / (1 + x.vwap_distance / 1e4)),
        by_hand.test_19_vwap_distance,
    ),
    Fault(
        "rv_1h",
        "eleven terms",
        lambda x: np.sqrt(window_sum(returns(x) ** 2, 11)),
        meta.test_rv_1h_has_as_many_terms_as_an_hour_has_bars,
        ("5m", 12),
    ),
)
RECORDED = (
    Fault(
        "gk_volatility",
        "2 ln 2 for 2 ln 2 − 1",
        wide_garman_klass,
        by_hand.test_7_gk_volatility_of_a_real_candle,
    ),
    Fault(
        "microprice",
        "sizes swapped",
        lambda x: 2 * x.mid_end - x.microprice,
        by_hand.test_14_microprice_of_a_real_book,
    ),
    Fault(
        "tick_volatility",
        "ddof 0",
        lambda x: 1e4 * np.sqrt(x.price_m2 / x.trades) / x.close,
        by_hand.test_17_tick_volatility_of_a_real_minute,
    ),
    Fault(
        "arrival_price_impact",
        "without the sign",
        lambda x: 1e4 * (x.mid_end - x.mid_start) / x.mid_start,
        by_hand.test_20_arrival_price_impact_of_a_real_minute,
    ),
)


def refused_by_its_golden(fault: Fault, monkeypatch: pytest.MonkeyPatch, *more: object) -> None:
    fault.golden(*fault.arguments, *more)
    declared = catalogue()
    (right,) = (one for one in declared if one.name == fault.feature)
    wrong = replace(right, formula=fault.formula, unchanged=False)
    swapped: tuple[Feature, ...] = tuple(wrong if one is right else one for one in declared)
    monkeypatch.setattr(sets, "catalogue", lambda: swapped)
    with pytest.raises(AssertionError):
        fault.golden(*fault.arguments, *more)
    bars = makers.bars(400, seed=2, gaps=(150,))
    assert declared_leaks(bars, "1m", [fault.feature], looks=400) == [], "a wrong definition is no leak"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: f"{one.feature}: {one.story}")
def test_a_wrong_definition_is_no_leak_and_its_golden_value_refuses_it(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused_by_its_golden(fault, monkeypatch)


@pytest.mark.real
@pytest.mark.parametrize("fault", RECORDED, ids=lambda one: f"{one.feature}: {one.story}")
def test_a_wrong_definition_is_refused_by_a_value_of_recorded_data(
    fault: Fault, monkeypatch: pytest.MonkeyPatch, real_data: Path
) -> None:
    refused_by_its_golden(fault, monkeypatch, real_data)
