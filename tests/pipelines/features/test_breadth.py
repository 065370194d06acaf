"""How much of the market rose: symbols with a known return only, nothing of the future, absent without a source."""

import importlib.util
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.errors import BadData, MissingData
from pipelines.features import compute
from pipelines.features.breadth import BREADTH, breadth
from pipelines.market.schemas import BARS

_found = importlib.util.spec_from_file_location("feature_makers", Path(__file__).parent / "makers.py")
assert _found is not None
assert _found.loader is not None
makers = importlib.util.module_from_spec(_found)
_found.loader.exec_module(makers)

START: datetime = makers.START
MINUTE = timedelta(minutes=1)


def closes(values: dict[int, float]) -> pl.DataFrame:
    """BARS with these closes at these minutes."""
    bars = makers.bars(len(values))
    times = pl.Series([START + k * MINUTE for k in values], dtype=BARS["open_time"])
    return bars.with_columns(open_time=times, close=pl.Series(list(values.values())))


MARKET = {
    "A": closes({0: 10.0, 1: 11.0, 2: 12.0, 3: 11.0}),
    "B": closes({0: 5.0, 1: 5.0, 2: 4.0, 3: 6.0}),  # unchanged is no rise
    "C": closes({1: 7.0, 2: 8.0}),  # listed from minute 1 to 2
    "D": closes({0: 1.0, 2: 3.0, 3: 4.0}),  # minute 1 is unknown, so the return of minute 2 is
}


def test_counts_those_with_a_bar_and_a_known_return() -> None:
    """Minute 1: A of A, B. Minute 2: A and C of A, B, C. Minute 3: B and D of A, B, D."""
    found = breadth(MARKET, "1m")
    assert found.schema == pl.Schema(BREADTH)
    assert found["open_time"].to_list() == [START + k * MINUTE for k in (1, 2, 3)]
    assert found["breadth"].to_list() == pytest.approx([1 / 2, 2 / 3, 2 / 3])


def test_the_order_of_symbols_and_rows_says_nothing_and_nothing_gives_nothing() -> None:
    turned = {name: bars.reverse() for name, bars in reversed(MARKET.items())}
    assert breadth(turned, "1m").equals(breadth(MARKET, "1m"))
    assert breadth({}, "1m").schema == pl.Schema(BREADTH)
    assert breadth({}, "1m").is_empty()


def test_a_bar_sees_its_own_minute_and_null_where_nothing_is_known() -> None:
    got = compute(MARKET["A"], "1m", ["market_breadth"], breadth=breadth(MARKET, "1m"))
    assert got["market_breadth"].to_list() == pytest.approx([None, 1 / 2, 2 / 3, 2 / 3])


def test_the_future_of_any_symbol_changes_nothing() -> None:
    market = {name: makers.bars(200, seed=seed) for seed, name in enumerate("ABCD")}
    whole = breadth(market, "1m")
    assert whole["breadth"].n_unique() > 2
    for cut in (1, 50, 120, 198):
        until = START + cut * MINUTE
        past = {name: bars.filter(pl.col("open_time") <= until) for name, bars in market.items()}
        crash = {
            n: b.with_columns(
                pl.when(pl.col("open_time") > until).then(1e-9).otherwise("close").alias("close")
            )
            for n, b in market.items()
        }
        for changed in (past, crash):
            known = breadth(changed, "1m").filter(pl.col("open_time") <= until)
            assert known.equals(whole.filter(pl.col("open_time") <= until))


def test_prices_times_anything_change_nothing() -> None:
    dear = {name: bars.with_columns(pl.col("close") * 1024) for name, bars in MARKET.items()}
    assert breadth(dear, "1m").equals(breadth(MARKET, "1m"))


def test_without_a_source_it_is_absent() -> None:
    with pytest.raises(MissingData, match="breadth features need a breadth table"):
        compute(makers.bars(5), "1m", ["market_breadth"])


def test_an_open_time_that_is_there_twice_is_refused() -> None:
    """Joined, it would move every later value by a bar."""
    table = breadth(MARKET, "1m")
    twice = pl.concat([table, table.slice(1, 1)]).sort("open_time")
    with pytest.raises(
        BadData, match="the breadth table must hold each open_time once, found 2024-01-01 00:0"
    ):
        compute(MARKET["A"], "1m", ["market_breadth"], breadth=twice)
    with pytest.raises(MissingData, match="found no 'breadth'"):
        compute(MARKET["A"], "1m", ["market_breadth"], breadth=table.drop("breadth"))
