"""Tables written before a column was declared are read with nulls there, beside newer partitions that have it."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from assets.bars import bars_of
from assets.tables import optional
from pipelines.features import compute, feature_set
from pipelines.market.bars import one_minute
from pipelines.market.minute_bars import minute_bars
from pipelines.market.schemas import BARS, CANDLES, MINUTE_BARS
from pipelines.settings import parse
from resources.lake import Lake
from tests.assets.world import toml
from tests.pipelines.market.minute_bars_ticks import DAY, random_market

NEW = ["flow_imbalance_sum", "level1_size_sum"]
NEXT = date(2024, 7, 20)
KEYS = {"symbol": "BTC-USD", "timeframe": "1m"}
UNIVERSE = """
[universe]
start = 2024-07-19
end = 2024-07-21
timeframes = ["1m", "1h"]
windows = ["seq300"]
"""


@pytest.fixture
def minutes() -> pl.DataFrame:
    return minute_bars(*random_market(5, minutes=(-64, 60), updates=20.0), DAY, check_local_time=False)


def test_minutes_of_before_and_after_make_bars(tmp_path: Path, minutes: pl.DataFrame) -> None:
    lake, settings = Lake(tmp_path), parse(toml(universe=UNIVERSE), {}, "test")
    market = {"market": settings.universe.of("BTC-USD").primary}
    lake.replace_many("minute_bars", {DAY: minutes.drop(NEW)}, market)
    old = bars_of(lake, settings, "BTC-USD", "1m").bars
    assert old.schema == pl.Schema(BARS)
    assert old.select(NEW).null_count().row(0) == (old.height, old.height)

    later = minutes.with_columns(pl.col("open_time").dt.offset_by("1d"))
    lake.replace_many("minute_bars", {NEXT: later}, market)
    both = bars_of(lake, settings, "BTC-USD", "1m").bars
    assert both.schema == pl.Schema(BARS)
    assert both.head(old.height).equals(old)
    new = one_minute(later, pl.DataFrame(schema=CANDLES))
    assert both.slice(old.height).equals(new)
    assert new["flow_imbalance_sum"].count() > 50


def test_features_of_older_bars_are_what_they_were_and_new_ones_are_null(
    tmp_path: Path, minutes: pl.DataFrame
) -> None:
    lake, bars = Lake(tmp_path), one_minute(minutes, pl.DataFrame(schema=CANDLES))
    lake.replace_months("bars", bars.drop(NEW), KEYS)
    old = optional(lake, "bars", KEYS, BARS)
    assert old.columns == list(BARS)
    assert compute(old, "1m").equals(compute(bars, "1m"))
    names = [name for name in feature_set("intraday12").names if name != "market_breadth"]
    now, then = compute(bars, "1m", names), compute(old, "1m", names)
    assert now["order_flow_imbalance"].count() > 10
    assert then["order_flow_imbalance"].count() == 0
    assert then.drop("order_flow_imbalance").equals(now.drop("order_flow_imbalance"))


def test_a_table_that_was_never_written_has_the_schema(tmp_path: Path) -> None:
    empty = optional(Lake(tmp_path), "minute_bars", {"market": "a.B-C"}, MINUTE_BARS)
    assert empty.schema == pl.Schema(MINUTE_BARS)
    assert empty.is_empty()
