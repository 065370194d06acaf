"""Labels: the future beyond known_until never matters, gaps give none, and goldens worked by hand."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadData, BadSettings, UnknownName
from pipelines.sequences.labels import labels, require_balanced
from pipelines.sequences.volatility import volatility, volatility_bars

COLUMNS = ["open_time", "label", "y", "sigma", "known_from", "known_until", "double_touch"]


@pytest.mark.parametrize("rule", ["volatility", "cost", "triple_barrier", "fixed"])
@settings(max_examples=12, deadline=None)
@given(cut=st.integers(300, 398), factor=st.floats(0.2, 5.0))
def test_nothing_after_known_until_changes_a_label(make_bars, rule, cut, factor) -> None:
    bars = make_bars(400)
    after = pl.int_range(pl.len()) >= cut
    prices = ["open", "high", "low", "close", "volume"]
    changed = bars.with_columns(pl.when(after).then(pl.col(p) * factor).otherwise(pl.col(p)) for p in prices)
    known = pl.col("known_until") <= bars["open_time"][cut]
    one, two = (labels(frame, "1m", 12, rule, 0.001).filter(known) for frame in (bars, changed))
    assert one.equals(two)
    assert one["label"].count() > 0 or cut < 303


def test_the_exit_bar_does_matter(make_bars) -> None:
    bars = make_bars(400)
    row, h = 320, 12
    moved = bars.with_columns(
        pl.when(pl.int_range(pl.len()) == row + 1 + h)
        .then(pl.col("open") * 2)
        .otherwise("open")
        .alias("open")
    )
    assert labels(moved, "1m", h)["y"][row] == pytest.approx(labels(bars, "1m", h)["y"][row] + math.log(2))


@settings(max_examples=30, deadline=None)
@given(gap=st.integers(1, 399), h=st.integers(1, 30))
def test_a_label_spans_no_unknown_gap(make_bars, gap, h) -> None:
    found = labels(make_bars(400, missing=(gap,)), "1m", h)
    for t in range(400):
        if t != gap:
            row = t - (t > gap)
            whole = t + 1 + h < 400 and not t < gap <= t + 1 + h
            assert (found["y"][row] is not None) == whole
            assert found["label"][row] is None or whole


def test_entry_or_exit_without_a_trade_is_no_label(make_bars) -> None:
    bars = make_bars(400)
    silent = bars.with_columns(
        pl.when(pl.int_range(pl.len()) == 350).then(0.0).otherwise("volume").alias("volume")
    )
    before, after = labels(bars, "1m", 5), labels(silent, "1m", 5)
    lost = [t for t in range(400) if before["label"][t] is not None and after["label"][t] is None]
    assert lost == [344, 349]  # exit at t+6, entry at t+1


def test_sigma_is_the_std_of_its_own_returns_and_null_before(make_bars) -> None:
    bars = make_bars(700, missing=(350,))
    sigma = volatility(bars, "1m", 12)
    returns = np.diff(np.log(bars["close"].to_numpy()))
    assert np.isnan(sigma[:288]).all()
    assert sigma[288] == pytest.approx(np.std(returns[:288], ddof=1), rel=1e-12)
    assert np.isnan(sigma[350 : 350 + 288]).all()  # bar 351 is row 350: a new run
    assert not np.isnan(sigma[350 + 288])


def test_live_sigma_equals_batch_sigma_bit_for_bit(make_bars) -> None:
    bars = make_bars(1000)
    assert volatility(bars.tail(289), "1m", 12)[-1] == volatility(bars, "1m", 12)[-1]


def test_flat_prices_have_no_sigma(make_bars) -> None:
    bars = make_bars(400).with_columns(close=pl.lit(0.1 + 0.2), open=pl.lit(0.1 + 0.2))
    assert np.isnan(volatility(bars, "1m", 12)).all()
    assert labels(bars, "1m", 12)["label"].null_count() == 400


def test_sigma_lengths() -> None:
    assert [volatility_bars(*case) for case in (("1m", 60), ("1m", 1440), ("12h", 2), ("1d", 90))] == [
        288,
        1440,
        60,
        60,
    ]


def test_golden_by_hand() -> None:
    """61 daily bars of ±1 %: σ = 1 % · √(60/59); then opens 100 -> 102 over h = 1, 0.43·σ ≈ 0.43 %: UP."""
    close = 100 * np.exp(np.cumsum(np.where(np.arange(61) % 2 == 0, 0.01, -0.01)))
    close = np.concatenate([close, [100.0, 100.0]])
    opens = np.concatenate([np.full(61, 100.0), [100.0, 102.0]])
    n = 63
    days = pl.datetime_range(
        pl.datetime(2026, 1, 1, time_zone="UTC"), pl.datetime(2026, 3, 4, time_zone="UTC"), "1d", eager=True
    )
    bars = pl.DataFrame(
        {"open_time": days, "open": opens, "high": opens, "low": opens, "close": close, "volume": np.ones(n)}
    )
    found = labels(bars, "1d", 1)
    assert found.columns == COLUMNS
    row = found.row(60, named=True)
    assert row["sigma"] == pytest.approx(0.01 * math.sqrt(60 / 59))
    assert row["y"] == pytest.approx(math.log(1.02))
    assert row["label"] == 2
    assert row["known_from"] == bars["open_time"][61]
    assert (row["known_until"] - row["open_time"]).days == 3  # open(t + 2 + h)
    assert labels(bars, "1d", 1, "fixed")["label"][60] == 2
    assert labels(bars, "1d", 1, "cost", 0.05)["label"][60] == 1  # 2 % does not pay 5 %


def test_triple_barrier_takes_the_first_touch(make_bars) -> None:
    bars = make_bars(400)
    h, t = 12, 330
    width = 0.96 * volatility(bars, "1m", h)[t] * math.sqrt(h)
    entry = bars["open"][t + 1]

    def moved(highs: dict[int, float], lows: dict[int, float]) -> tuple[int | None, bool]:
        high, low = bars["high"].to_numpy().copy(), bars["low"].to_numpy().copy()
        high[t + 1 : t + 1 + h] = low[t + 1 : t + 1 + h] = entry
        for k, v in highs.items():
            high[t + k] = entry * math.exp(v * width)
        for k, v in lows.items():
            low[t + k] = entry * math.exp(-v * width)
        row = labels(bars.with_columns(high=high, low=low), "1m", h, "triple_barrier").row(t, named=True)
        return row["label"], row["double_touch"]

    assert moved({}, {}) == (1, False)
    assert moved({3: 1.01}, {4: 1.01}) == (2, False)
    assert moved({5: 1.01}, {4: 1.01}) == (0, False)
    assert moved({5: 1.01}, {5: 1.01}) == (None, True)
    assert moved({12: 1.01}, {}) == (2, False)  # bar t + h is the last that counts
    assert moved({}, {2: 0.99}) == (1, False)


def test_refusals(make_bars) -> None:
    bars = make_bars(20)
    with pytest.raises(UnknownName, match="triple_barrier"):
        labels(bars, "1m", 5, "sign")
    with pytest.raises(BadSettings, match="round_trip_cost"):
        labels(bars, "1m", 5, "cost")
    with pytest.raises(BadSettings, match="12"):
        labels(bars, "1m", 11, "triple_barrier")
    with pytest.raises(BadData, match="strictly increase"):
        labels(pl.concat([bars, bars]), "1m", 5)
    with pytest.raises(BadData, match=r"NEUTRAL 97.0 %"):
        require_balanced(np.repeat([0, 1, 2], [2, 97, 1]), "fixed")
    assert require_balanced(np.repeat([0, 1, 2], [10, 80, 10]), "fixed")["NEUTRAL"] == 0.8


@pytest.mark.parametrize("rule", ["volatility", "triple_barrier"])
def test_no_label_rests_on_a_price_of_another_market(make_bars, rule) -> None:
    """Forty bars of a second venue: whatever prices it has there, no label and no σ is another one."""
    bars = make_bars(900)
    here = (pl.int_range(pl.len()) < 500) | (pl.int_range(pl.len()) >= 540)
    filled = bars.with_columns(origin=pl.when(here).then(pl.lit("candle")).otherwise(pl.lit("second-venue")))
    told = []
    for basis in (1.0, 1.004, 0.5):
        prices = (pl.col(name) for name in ("open", "high", "low", "close"))
        elsewhere = [pl.when(here).then(price).otherwise(price * basis) for price in prices]
        told.append(labels(filled.with_columns(elsewhere), "1m", 24, rule))
    for other in told[1:]:
        assert other.equals(told[0])
    assert (
        told[0]["label"].slice(540, 300).null_count() == 0
    )  # a hole that was filled does not stop the labels
    assert told[0]["label"].slice(500, 39).drop_nulls().is_empty() or rule == "volatility"


def test_volatility_leaves_out_returns_of_another_market(make_bars) -> None:
    bars = make_bars(700)
    foreign = pl.int_range(pl.len()).is_between(400, 402)
    filled = bars.with_columns(
        origin=pl.when(foreign).then(pl.lit("second-venue")).otherwise(pl.lit("candle"))
    )
    returns = np.diff(np.log(bars["close"].to_numpy()))
    left = np.delete(
        returns[450 - 288 : 450], [399 - 162, 400 - 162, 401 - 162, 402 - 162]
    )  # into, inside, out of
    assert volatility(filled, "1m", 60)[450] == pytest.approx(left.std(ddof=1), rel=1e-12)
    mostly = bars.with_columns(
        origin=pl.when(pl.int_range(pl.len()).is_between(300, 460)).then(pl.lit("second-venue"))
    )
    assert math.isnan(volatility(mostly, "1m", 60)[460])
    assert math.isnan(volatility(mostly, "1m", 60)[588])
    assert not math.isnan(volatility(mostly, "1m", 60)[610])


@pytest.mark.parametrize("cost", [None, math.nan, math.inf])
def test_a_cost_that_is_no_number_is_refused(make_bars, cost) -> None:
    with pytest.raises(BadSettings, match="needs round_trip_cost as a log return, found"):
        labels(make_bars(400), "1m", 12, "cost", cost)
