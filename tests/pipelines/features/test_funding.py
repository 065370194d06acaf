"""Funding: known at the recorded stamp, stale after its period and an hour, absent rather than zero."""

import importlib.util
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.errors import MissingData
from pipelines.features import compute, feature_set
from pipelines.market.schemas import FUNDING

_found = importlib.util.spec_from_file_location("feature_makers", Path(__file__).parent / "makers.py")
assert _found is not None
assert _found.loader is not None
makers = importlib.util.module_from_spec(_found)
_found.loader.exec_module(makers)

NAMES = feature_set("meta17_funding").names
START = makers.START


def funding(*rows: tuple[float, float, float]) -> pl.DataFrame:
    """FUNDING rows from (seconds after START, rate per period, period in hours)."""
    stamped = [(START + timedelta(seconds=at), rate, hours) for at, rate, hours in rows]
    return pl.DataFrame(stamped, schema=FUNDING, orient="row")


def rates(bars: int, table: pl.DataFrame, timeframe: str = "1m") -> list[float | None]:
    got = compute(makers.bars(bars, timeframe), timeframe, ["funding_rate"], funding=table)
    return got.get_column("funding_rate").to_list()


def test_rate_is_per_hour_in_basis_points() -> None:
    """0.0008 per 8 h is 1 bp an hour."""
    assert rates(2, funding((0.0, 0.0008, 8.0))) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(("seconds", "first_known"), [(63.0, 0), (63.000001, 1), (180.989, 2), (183.5, 3)])
def test_known_from_its_stamp_on(seconds: float, first_known: int) -> None:
    """A bar opened at 00:00 is usable at 00:01:03; what is stamped a microsecond later is the future."""
    got = rates(5, funding((seconds, 0.0001, 1.0)))
    assert [value is not None for value in got] == [row >= first_known for row in range(5)]


def test_null_when_older_than_its_period_and_an_hour() -> None:
    """Stamped at 00:00:03, period 1 h: known until 02:00:03, when the bar of 01:59 becomes usable."""
    got = rates(125, funding((3.0, 0.0001, 1.0)))
    assert [row for row, value in enumerate(got) if value is not None] == list(range(120))
    longer = rates(545, funding((3.0, 0.0008, 8.0)))
    assert [value is not None for value in longer] == [True] * 540 + [False] * 5


def test_momentum_is_the_change_over_an_hour() -> None:
    """From 1 to 3 bp/h at 01:00: the change lives for the hour after, then both values are the new one."""
    table = funding((0.0, 0.0001, 1.0), (3600.5, 0.0003, 1.0), (7200.5, 0.0003, 1.0))
    got = compute(makers.bars(180), "1m", list(NAMES), funding=table).get_column("funding_momentum_1h")
    assert got.head(59).null_count() == 59
    assert got.slice(59, 60).to_list() == pytest.approx([2.0] * 60)
    assert got.slice(119).to_list() == pytest.approx([0.0] * 61)


def test_hourly_bars_see_what_stood_at_their_close() -> None:
    """An earlier system joined by the hour's open; the bar [00:00, 01:00) sees 01:00:02 but not 01:00:04."""
    assert rates(1, funding((0.0, 0.0001, 1.0), (3602.0, 0.0005, 1.0)), "1h") == pytest.approx([5.0])
    assert rates(1, funding((0.0, 0.0001, 1.0), (3604.0, 0.0005, 1.0)), "1h") == pytest.approx([1.0])


def test_future_rates_change_nothing() -> None:
    bars = makers.bars(300)
    table = funding(*((3600.0 * hour + 0.5, 1e-4 * (hour + 1), 1.0) for hour in range(5)))
    whole = compute(bars, "1m", list(NAMES), funding=table)
    for cut in range(0, 300, 7):
        usable = bars.get_column("open_time")[cut] + timedelta(seconds=63)
        known = table.filter(pl.col("time") <= usable)
        got = compute(bars.head(cut + 1), "1m", list(NAMES), funding=known)
        assert got.equals(whole.head(cut + 1))


def test_without_a_source_it_is_absent() -> None:
    with pytest.raises(MissingData, match="funding table"):
        compute(makers.bars(5), "1m", ["funding_rate"])
