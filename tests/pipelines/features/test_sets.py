"""The ordered sets, their hashes and the catalogue."""

import hashlib
import importlib.util
from pathlib import Path

import polars as pl
import pytest

from pipelines.errors import UnknownName
from pipelines.features import FeatureSet, best_set, catalogue, compute, feature_set
from pipelines.features.sets import common_set

_found = importlib.util.spec_from_file_location("feature_makers", Path(__file__).parent / "makers.py")
assert _found is not None
assert _found.loader is not None
makers = importlib.util.module_from_spec(_found)
_found.loader.exec_module(makers)

SPECIFICATION = Path(__file__).resolve().parents[4] / "shared" / "FEATURES.md"


def test_v5_is_the_table_of_the_specification() -> None:
    if not SPECIFICATION.is_file():
        pytest.skip("no shared/FEATURES.md beside the repository")
    rows = SPECIFICATION.read_text().partition("## v5")[2].partition('\n\n"n m"')[0].splitlines()
    cells = [row.split(" | ")[1] for row in rows if row.startswith("| ") and row[2].isdigit()]
    listed = (
        " ".join(cells)
        .replace(
            "close_sma_7_ratio … close_sma_50_ratio",
            " ".join(f"close_sma_{n}_ratio" for n in (7, 14, 21, 50)),
        )
        .split()
    )
    assert listed == list(feature_set("v5").names)


def test_sets_are_ordered_nested_and_hashed() -> None:
    v4, v5 = feature_set("v4"), feature_set("v5")
    assert (len(v4.names), len(v5.names)) == (33, 53)
    assert v5.names[:33] == v4.names
    assert v4.lookback == v5.lookback == 276
    assert v5.sha256 == hashlib.sha256("\n".join(v5.names).encode()).hexdigest()
    assert v5.sha256 == "3b7d17e042032e10aaec114d0af6583e5f6a9aa8003482fa8172ab1edf57b9c5"


def _listed(section: str) -> list[str]:
    rows = SPECIFICATION.read_text().partition(section)[2].partition("\n\nFunding")[0].splitlines()
    cells = [row.split(" | ")[1] for row in rows if row.startswith("| ") and row[2].isdigit()]
    return " ".join(cells).split()


def test_meta17_is_the_table_of_the_specification_and_its_parts_in_order() -> None:
    whole, parts = feature_set("meta17").names, ("meta12", "meta17_funding", "meta17_cohorts")
    assert whole == tuple(name for part in parts for name in feature_set(part).names)
    assert len(whole) == 17
    if SPECIFICATION.is_file():
        assert list(whole) == _listed("## meta17")


def test_intraday12_is_in_order_and_leaves_out_what_longer_bars_do_not_have() -> None:
    minute, hour = feature_set("intraday12"), feature_set("intraday12", "1h")
    assert len(minute.names) == len(set(minute.names)) == 12
    assert feature_set("intraday12", "1m").names == minute.names
    assert feature_set("intraday12", "5m").names == minute.names
    assert feature_set("intraday12", "15m").names == minute.names[1:]
    assert feature_set("intraday12", "30m").names == minute.names[2:]
    assert hour.names == minute.names[3:]
    assert (minute.lookback, hour.lookback) == (31 * 1440 + 60, 31 * 24 + 12)
    assert hour.sha256 == hashlib.sha256("\n".join(hour.names).encode()).hexdigest()


def test_the_cohorts_begin_at_five_minutes() -> None:
    assert feature_set("meta17", "1m").names == feature_set("meta17").names[:14]
    assert feature_set("meta17", "5m") == FeatureSet(
        "meta17", feature_set("meta17").names, 1062, feature_set("meta17").sha256
    )
    assert feature_set("meta17_cohorts", "1h").lookback == 89  # 5,310 minutes


def test_a_feature_that_bars_do_not_have_is_refused_in_a_sentence() -> None:
    with pytest.raises(
        UnknownName, match="'momentum_5m' does not exist on 15m bars: expected bars of 1 to 5 minutes"
    ):
        compute(makers.bars(5, "15m"), "15m", ["close", "momentum_5m"])
    with pytest.raises(
        UnknownName, match="'S_top' does not exist on 1m bars: expected bars of 5 to 1440 minutes"
    ):
        compute(makers.bars(5), "1m", ["S_top"])


def test_catalogue_begins_with_v5_and_names_each_once() -> None:
    names = [feature.name for feature in catalogue()]
    assert tuple(names[:53]) == feature_set("v5").names
    assert len(names) == len(set(names))
    assert set(feature_set("meta17_funding").names) <= set(names)


def test_v4_needs_candles_only() -> None:
    bars = makers.bars(300)
    names = feature_set("v4").names
    candles = compute(makers.without_ticks(bars), "1m", names)
    assert candles.equals(compute(bars, "1m", names))
    assert candles.tail(1).null_count().row(0) == (0,) * 34


@pytest.mark.parametrize(("known", "expected"), [(0, "v4"), (149, "v4"), (150, "v5"), (300, "v5")])
def test_best_set_needs_ticks_on_half_of_the_rows(known: int, expected: str) -> None:
    """575 bars leave 300 rows past the lookback of 276."""
    bars = makers.bars(575)
    mixed = (
        pl.concat([makers.without_ticks(bars.head(575 - known)), bars.tail(known)]) if known < 300 else bars
    )
    table = compute(mixed, "1m")
    shown = table.with_columns(
        pl.when(pl.int_range(pl.len()) >= 575 - known).then(0.5).alias(name)
        for name in feature_set("v5").names[33:]
    )
    assert best_set(shown).name == expected
    assert best_set(table.select("open_time", *feature_set("v4").names)).name == "v4"


def test_best_set_of_candles_and_of_ticks() -> None:
    bars = makers.bars(600)
    assert best_set(compute(bars, "1m")).name == "v5"
    assert best_set(compute(makers.without_ticks(bars), "1m")).name == "v4"
    assert best_set(compute(bars.head(100), "1m")).name == "v4"


def test_unknown_names_list_their_neighbours() -> None:
    with pytest.raises(UnknownName, match="rsi_14"):
        compute(makers.bars(3), "1m", ["rsi_41"])
    with pytest.raises(UnknownName, match="v4"):
        feature_set("v6")


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        (("v5_hours", "v5_hours"), "v5_hours"),
        (("v5_hours", "v5"), "v5"),
        (("v5_hours", "v4_hours"), "v4_hours"),
        (("v5", "v4_hours"), "v4"),
        (("v5", "v4"), "v4"),
    ],
)
def test_several_symbols_share_the_widest_set_that_all_have(sets: tuple[str, ...], expected: str) -> None:
    assert common_set(feature_set(name) for name in sets) == feature_set(expected)


@pytest.mark.parametrize(("known", "expected"), [(299, "v5"), (300, "v5_hours")])
def test_hourly_context_is_trained_on_when_it_is_known_on_half_of_the_rows(known: int, expected: str) -> None:
    bars = makers.bars(875)  # 600 rows past the lookback
    table = compute(bars, "1m")
    late = pl.when(pl.int_range(pl.len()) >= 875 - known).then(0.5)
    hours = [late.alias(name) for name in feature_set("hours").names]
    assert best_set(table.with_columns(hours)).name == expected
