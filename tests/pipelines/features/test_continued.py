"""Features of new bars from the bars within reach: the same bits as all of history gives, wherever it is cut.

Saved, killed and restored is the same thing as cut: the state is the stored bars (tests/assets/test_live_features.py
does it through the lake).
"""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from pipelines.errors import BadData
from pipelines.features import catalogue, compute
from pipelines.features.continued import continued, memory, reach
from pipelines.features.declaration import Feature
from pipelines.features.sources import SOURCES
from pipelines.market.timeframes import length_of, minutes_of
from tests.pipelines.features.test_laws import makers

RESTARTS = 200


def of_bars(timeframe: str, sources: tuple[str, ...] = ("bars",)) -> list[Feature]:
    """Every feature of these sources that does not need a month of history."""
    exist = [one for one in catalogue() if one.source in sources and one.exists(minutes_of(timeframe))]
    return [one for one in exist if one.name != "volatility_regime"]


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "1h"])
def test_bar_by_bar_from_a_restart_at_200_random_rows(timeframe: str) -> None:
    """At each row everything is dropped but the bars within reach, and two bars follow one by one."""
    names = [one.name for one in of_bars(timeframe, SOURCES)]
    assert len(names) >= 60
    bars = makers.bars(3_000, timeframe, seed=4, gaps=(700, 1_900))
    tables = makers.tables(bars, timeframe)
    whole = compute(bars, timeframe, names, **tables)
    for row in np.random.default_rng(5).choice(2_990, RESTARTS, replace=False).tolist():
        opened = bars["open_time"][row]
        past = bars.filter(
            pl.col("open_time").is_between(opened - reach(names, timeframe), opened, closed="left")
        )
        for at in (row, row + 1):
            made = continued(past, bars.slice(at, 1), timeframe, names, **tables)
            assert made.equals(whole.slice(at, 1)), f"row {at}"
            past = pl.concat([past, bars.slice(at, 1)])


@pytest.mark.parametrize("timeframe", ["5m", "1h"])
def test_the_class_of_volatility_after_a_month(timeframe: str) -> None:
    """volatility_regime remembers thirty days; a day is continued from them."""
    a_day = 24 * 60 // minutes_of(timeframe)
    bars = makers.bars(33 * a_day, timeframe, seed=6)
    whole = compute(bars, timeframe, ["volatility_regime"])
    assert whole["volatility_regime"].n_unique() == 4  # three classes, and null
    for first in (31 * a_day, 31 * a_day + 7, 32 * a_day - 1):
        made = continued(bars.head(first), bars.slice(first, a_day // 2), timeframe, ["volatility_regime"])
        assert made.equals(whole.slice(first, a_day // 2))


def test_many_new_bars_at_once() -> None:
    names = [one.name for one in of_bars("1m")]
    bars = makers.bars(5_000, seed=7, gaps=(2_500,))
    whole = compute(bars, "1m", names)
    for first in (0, 1, 275, 2_499, 2_500, 2_501, 4_000):
        assert continued(bars.head(first), bars.slice(first), "1m", names).equals(whole.slice(first))


@pytest.mark.parametrize("one", of_bars("1m"), ids=lambda one: one.name)
def test_no_feature_reads_more_than_it_declares(one: Feature) -> None:
    """Its own lookback is enough, to the last bit: sources other than bars apart, the state is that many bars."""
    bars = makers.bars(2_000, seed=8)
    whole = compute(bars, "1m", [one.name])
    for row in (299, 777, 1_439, 1_441, 1_999):
        past = bars.slice(max(0, row - memory([one.name], "1m")), min(row, memory([one.name], "1m")))
        assert continued(past, bars.slice(row, 1), "1m", [one.name]).equals(whole.slice(row, 1)), row


def test_reach_is_in_time() -> None:
    assert memory(["macd"], "1m") == 275
    assert reach(["macd"], "1h") == timedelta(hours=275)
    assert reach(["close"], "1m") == timedelta(0)
    assert reach(["bid_ask_spread"], "15m") == length_of("15m")


def test_bars_that_do_not_follow_are_refused() -> None:
    bars = makers.bars(10)
    with pytest.raises(BadData, match="sorted by open_time without repeats"):
        continued(bars, bars.tail(1), "1m", ["close", "macd"])
