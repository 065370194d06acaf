"""What the cohorts did: an average of five minutes from 0, null until it is forgotten where it began, never made up."""

import importlib.util
from datetime import datetime, timedelta
from math import tanh
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.errors import MissingData
from pipelines.evaluation.null_reasons import null_reasons
from pipelines.features import compute, feature_set
from pipelines.features.sets import features_named
from pipelines.market.wallets import FLOW

_found = importlib.util.spec_from_file_location("feature_makers", Path(__file__).parent / "makers.py")
assert _found is not None
assert _found.loader is not None
makers = importlib.util.module_from_spec(_found)
_found.loader.exec_module(makers)

NAMES = feature_set("meta17_cohorts").names
START: datetime = makers.START
FIVE = timedelta(minutes=5)
KNOWN = 1_061
"""The first row whose average has forgotten that it began at 0."""


def flow(top: np.ndarray | list[float | None], bottom: object = None, adv: object = 1000.0) -> pl.DataFrame:
    """FLOW of consecutive five minutes from START; the bottom and ADV are constant unless listed."""
    rows = len(top)
    columns = {"flow_top": top, "flow_bottom": 0.0 if bottom is None else bottom, "adv": adv}
    full = {name: x if isinstance(x, list | np.ndarray) else [x] * rows for name, x in columns.items()}
    times = [START + k * FIVE for k in range(rows)]
    return pl.DataFrame({"open_time": times, **full}, schema=FLOW, nan_to_null=True)


def computed(table: pl.DataFrame, timeframe: str = "5m", bars: pl.DataFrame | None = None) -> pl.DataFrame:
    if bars is None:
        minutes = {"5m": 1, "15m": 3, "1h": 12}[timeframe]
        bars = makers.bars(table.height // minutes, timeframe)
    return compute(bars, timeframe, list(NAMES), flow=table)


def random_flow(rows: int, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    top, bottom = rng.standard_t(2, (2, rows)) * 500
    return flow(
        top * (rng.random(rows) < 0.6), bottom * (rng.random(rows) < 0.6), rng.uniform(100, 5000, rows)
    )


def test_a_steady_flow_tends_to_its_share_of_the_usual_volume() -> None:
    """F/ADV = 0.5 throughout: after n rows S = tanh(0.5)·(1 − 0.98^n), from 0 and not from the first value."""
    table = computed(flow([500.0] * 1_100, [-500.0] * 1_100))
    for row, near in ((KNOWN, 1e-12), (1_099, 1e-9)):
        expected = tanh(0.5) * (1 - 0.98 ** (row + 1))
        assert table["S_top"][row] == pytest.approx(expected, rel=near)
        assert table["S_bot"][row] == pytest.approx(-expected, rel=near)
        assert table["flow_diff"][row] == pytest.approx(2 * expected, rel=near)


def test_one_burst_is_clipped_and_decays_by_a_fiftieth_a_bar() -> None:
    """F = 100·ADV at row 1,061 counts tanh(3)·0.02; 10 bars without a fill later 0.98^10 of it is left."""
    table = computed(flow([0.0] * KNOWN + [100_000.0] + [0.0] * 10))
    assert table["S_top"][KNOWN] == pytest.approx(0.02 * tanh(3.0), rel=1e-12)
    assert table["S_top"][KNOWN + 10] == pytest.approx(0.02 * tanh(3.0) * 0.98**10, rel=1e-12)
    assert table["S_bot"][KNOWN + 10] == 0.0


def test_null_before_row_1061_and_nowhere_else() -> None:
    table = computed(random_flow(1_300))
    for name in NAMES:
        assert table[name].is_null().to_list() == [True] * KNOWN + [False] * (1_300 - KNOWN)


@pytest.mark.parametrize("how", ["a missing bar", "a day without cohorts", "no usual volume"])
def test_an_unknown_five_minutes_begins_again_from_zero(how: str) -> None:
    """After it the values are those of the rest alone."""
    whole, cut = random_flow(2_300), 1_150
    kept = pl.when(pl.int_range(pl.len()) != cut)
    broken = {
        "a missing bar": pl.concat([whole.head(cut), whole.slice(cut + 1)]),
        "a day without cohorts": whole.with_columns(
            kept.then("flow_top").alias("flow_top"), kept.then("flow_bottom").alias("flow_bottom")
        ),
        "no usual volume": whole.with_columns(kept.then("adv").alias("adv")),
    }[how]
    bars = makers.bars(2_300, "5m")
    table = compute(bars, "5m", list(NAMES), flow=broken)
    alone = compute(bars.slice(cut + 1), "5m", list(NAMES), flow=whole.slice(cut + 1))
    assert table["S_top"][cut - 1] is not None
    assert table["S_top"].slice(cut, KNOWN + 1).null_count() == KNOWN + 1
    assert table.slice(cut + 1).equals(alone)
    assert alone["S_top"].null_count() == KNOWN


def test_a_gap_in_the_bars_hides_as_long_as_in_the_flow() -> None:
    bars = makers.bars(2_300, "5m", gaps=(1_100,))
    table = computed(random_flow(2_305), bars=bars)
    known = [*range(KNOWN, 1_100), *range(1_100 + KNOWN, 2_300)]
    assert table["S_bot"].is_not_null().arg_true().to_list() == known


def test_bounds_and_the_difference() -> None:
    table = computed(flow([1e12] * 3_000, [-1e12] * 3_000, 1e-3)).drop_nulls()
    for feature in features_named(NAMES):
        low, high = feature.bounds
        assert low < table[feature.name].min()
        assert table[feature.name].max() < high
    assert table["S_top"].max() > 0.995
    assert table["flow_diff"].max() > 1.99
    assert (table["flow_diff"] == table["S_top"] - table["S_bot"]).all()


def test_nothing_usual_is_no_pressure_and_unknown_stays_unknown() -> None:
    """ADV = 0 counts 0; a day without cohorts stays null, whatever its ADV."""
    table = computed(flow([5.0] * 1_200, adv=0.0))
    assert table["S_top"].drop_nulls().to_list() == [0.0] * (1_200 - KNOWN)
    unknown = computed(flow([None] * 1_200, adv=0.0))
    assert unknown["S_top"].null_count() == 1_200


@pytest.mark.parametrize(("timeframe", "minutes"), [("15m", 3), ("1h", 12)])
def test_longer_bars_take_the_last_value_in_them(timeframe: str, minutes: int) -> None:
    table = random_flow(2_400)
    five, long = computed(table), computed(table, timeframe)
    first = -(-(KNOWN + 1) // minutes) - 1
    for name in NAMES:
        assert long[name].slice(first).equals(five[name].gather_every(minutes, minutes - 1).slice(first))
        assert long[name].head(first).null_count() == first
        assert long[name].slice(first).null_count() == 0


def test_the_future_changes_nothing() -> None:
    table, other = random_flow(1_300), random_flow(1_300, seed=9)
    whole = computed(table)
    for cut in (0, 700, KNOWN, 1_100, 1_298):
        mixed = pl.concat([table.head(cut + 1), other.slice(cut + 1)])
        for changed in (mixed, table.head(cut + 1)):
            assert computed(changed, bars=makers.bars(1_300, "5m")).head(cut + 1).equals(whole.head(cut + 1))


def test_memory_is_the_lookback() -> None:
    """Two pasts as unlike as can be are the same, to the last bit, after 1,062 bars, and no sooner."""
    rows = 1_400
    a, b = (flow([sign * 1e9] * 200 + [50.0] * (rows - 200)) for sign in (1.0, -1.0))
    ours, theirs = (computed(x)["S_top"].to_numpy() for x in (a, b))
    late = computed(a.slice(200), bars=makers.bars(rows, "5m").slice(200))["S_top"].to_numpy()
    assert (ours == theirs)[200 + KNOWN :].all()
    assert (ours[200:] == late)[KNOWN:].all()
    assert abs(ours[199 + KNOWN] - theirs[199 + KNOWN]) > 1e-11


def test_its_nulls_have_a_reason() -> None:
    bars = makers.bars(1_200, "5m")
    said = null_reasons(computed(random_flow(1_200), bars=bars), bars, "5m")
    assert [row["columns"] for row in said] == [list(NAMES)]
    assert (said[0]["nulls"], said[0]["rows"]) == (KNOWN, 1_200)
    assert "1,062 five-minute bars in a row" in said[0]["reason"]


def test_without_a_source_it_is_absent() -> None:
    with pytest.raises(
        MissingData, match="cohort features need a flow table: expected columns open_time, flow_top"
    ):
        compute(makers.bars(5, "5m"), "5m", ["flow_diff"])
