"""Every cut of 2,000 bars for features that read another table than the bars: nothing known later moves a bit.

The features of bars alone are cut at every row by test_causality.py, in pieces; here whole pasts and whole futures.
"""

from datetime import timedelta

import polars as pl
import pytest

from pipelines.features import compute
from pipelines.market.schemas import CANDLES
from pipelines.market.timeframes import GRACE
from tests.pipelines.features import laws, makers
from tests.pipelines.features.many_futures import WAYS, Known, changed_pasts, times

BARS = makers.bars(2_000, "5m", seed=3, gaps=(500, 503)).select(list(CANDLES))
TABLES = makers.tables(BARS, "5m")
SEEN = pl.int_range(pl.len()) % 7 != 3  # at the other bars nothing is known of the breadth
TABLES["breadth"] = TABLES["breadth"].filter(SEEN)
NAMES = [one.name for one in laws.existing("5m", ("funding", "cohorts", "breadth"))]
CLOSED = timedelta(minutes=5) + GRACE
USABLE = times(BARS["open_time"] + CLOSED)


def known(table: pl.DataFrame) -> Known:
    """Funding is known at its stamp, everything else when its bar is usable."""
    stamped = "time" in table.columns
    return Known(table, times(table["time"] if stamped else table["open_time"] + CLOSED))


MARKET = known(BARS)
BESIDE = {name: known(table) for name, table in TABLES.items()}


@pytest.mark.parametrize("way", WAYS)
def test_no_cut_changes_the_past_of_features_of_other_tables(way: str) -> None:
    features = lambda bars, **tables: compute(bars, "5m", NAMES, **tables)  # noqa: E731
    assert len(NAMES) >= 6
    nulls = compute(BARS, "5m", NAMES, **TABLES).slice(1_900).null_count().row(0, named=True)
    assert {name for name, count in nulls.items() if count} == {"market_breadth"}
    assert changed_pasts(features, MARKET, BESIDE, USABLE, way) == []


def test_one_row_too_many_of_any_table_is_seen_at_every_cut() -> None:
    """A bar that reads the next row's breadth, or a rate stamped within the minute after it was usable."""
    early = pl.col("time") - timedelta(minutes=5)

    def peeking(bars: pl.DataFrame, **tables: pl.DataFrame) -> pl.DataFrame:
        tables["breadth"] = tables["breadth"].with_columns(pl.col("breadth").shift(-1))
        tables["funding"] = tables["funding"].with_columns(early)
        return compute(bars, "5m", ["market_breadth", "funding_rate"], **tables)

    found = changed_pasts(peeking, MARKET, BESIDE, USABLE, "another market")
    assert [cut for cut, name in found if name == "market_breadth"] == [*range(1_999)]
    hourly = [cut for cut, name in found if name == "funding_rate"]
    assert 160 <= len(hourly) <= 170
