"""Every cut of 2,000 bars for features that read another table than the bars: nothing known later moves a bit.

The features of bars alone are cut at every row by test_causality.py, in pieces; here whole pasts and whole futures.
"""

from datetime import timedelta

import polars as pl
import pytest

from pipelines.features import compute
from pipelines.features.sources import BESIDE as BESIDE_BARS
from pipelines.market.schemas import CANDLES
from pipelines.market.timeframes import GRACE
from tests.pipelines.features import laws, makers
from tests.pipelines.features.many_futures import WAYS, Known, changed_pasts, times

BARS = makers.bars(2_000, "5m", seed=3, gaps=(500, 503)).select(list(CANDLES))
TABLES = makers.tables(BARS, "5m")
SEEN = pl.int_range(pl.len()) % 7 != 3  # at the other bars nothing is known of the breadth
TABLES["breadth"] = TABLES["breadth"].filter(SEEN)
TABLES["hours"] = TABLES["hours"].select(list(CANDLES))
NAMES = [one.name for one in laws.existing("5m", BESIDE_BARS)]
CLOSED = timedelta(minutes=5) + GRACE
HOUR_CLOSED = timedelta(hours=1) + GRACE
USABLE = times(BARS["open_time"] + CLOSED)


def known(table: pl.DataFrame, name: str = "bars") -> Known:
    """Funding is known at its stamp, an hour when it has closed, everything else when its bar is usable."""
    if name == "funding":
        return Known(table, times(table["time"]))
    return Known(table, times(table["open_time"] + (HOUR_CLOSED if name == "hours" else CLOSED)))


MARKET = known(BARS)
BESIDE = {name: known(table, name) for name, table in TABLES.items()}


@pytest.mark.parametrize("way", WAYS)
def test_no_cut_changes_the_past_of_features_of_other_tables(way: str) -> None:
    features = lambda bars, **tables: compute(bars, "5m", NAMES, **tables)  # noqa: E731
    assert len(NAMES) >= 14
    nulls = compute(BARS, "5m", NAMES, **TABLES).slice(1_900).null_count().row(0, named=True)
    assert {name for name, count in nulls.items() if count} == {"market_breadth"}
    assert changed_pasts(features, MARKET, BESIDE, USABLE, way) == []


def test_one_row_too_many_of_any_table_is_seen_at_every_cut() -> None:
    """A bar that reads the next row's breadth, a rate stamped in the minute after it was usable, or its own hour."""
    early = pl.col("time") - timedelta(minutes=5)

    def peeking(bars: pl.DataFrame, **tables: pl.DataFrame) -> pl.DataFrame:
        tables["breadth"] = tables["breadth"].with_columns(pl.col("breadth").shift(-1))
        tables["funding"] = tables["funding"].with_columns(early)
        tables["hours"] = tables["hours"].with_columns(pl.col("open_time") - timedelta(hours=1))
        return compute(bars, "5m", ["market_breadth", "funding_rate", "hour_mom_1"], **tables)

    found = changed_pasts(peeking, MARKET, BESIDE, USABLE, "another market")
    assert [cut for cut, name in found if name == "market_breadth"] == [*range(1_999)]
    hourly = [cut for cut, name in found if name == "funding_rate"]
    assert 160 <= len(hourly) <= 170
    assert [cut for cut, name in found if name == "hour_mom_1"] == [*range(1_999)]
