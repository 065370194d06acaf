"""What the leak detector cannot judge it refuses in words: no verdict is ever given on nothing."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from pipelines.errors import BadData, UnknownName
from pipelines.features.causality import MODES, Table, declared_leaks, leaks
from pipelines.market.schemas import BARS
from pipelines.market.timeframes import length_of
from tests.pipelines.features import makers
from tests.pipelines.features.looking import CLOSE, MINUTE, column


def refused(
    compute: Callable[..., object], what: str, bars: pl.DataFrame | None = None, **how: object
) -> None:
    with pytest.raises(BadData, match=what):
        leaks(compute, makers.bars(60) if bars is None else bars, **how)


def test_what_cannot_be_judged_is_refused_in_words() -> None:
    honest = column(CLOSE)
    rng = np.random.default_rng()
    refused(
        lambda bars: bars.select(noise=pl.Series(rng.random(bars.height))), "other values for the same bars"
    )
    refused(
        lambda bars: bars.select(CLOSE).head(5),
        "one row a bar: expected 60 rows of the bars as they are, found 5",
    )
    refused(lambda bars: bars["close"], "expected 60 rows of the bars as they are, found a Series")
    refused(honest, "sorted by 'open_time'", makers.bars(60).reverse())
    refused(honest, "expected datetimes, found Float64", makers.bars(60), time="close")
    table = {"late": Table(pl.DataFrame({"at": [makers.START], "x": [1.0]}), "at")}
    refused(
        honest, "tables late are cut by when a bar is usable: expected usable_after, found none", tables=table
    )
    unknown = {"late": Table(pl.DataFrame({"at": [None]}, {"at": BARS["open_time"]}), "at")}
    refused(honest, "late needs a time in every row", tables=unknown, usable_after=length_of("1m"))


def test_a_function_that_refuses_a_future_is_an_error_that_names_it() -> None:
    def strict(bars: pl.DataFrame) -> pl.DataFrame:
        if bars["close"].max() > 1e6:
            raise ValueError("no such price")
        return bars.select("open_time", "close")

    refused(
        strict, "refuses the bars with the future times 1e6 after row .*ValueError: no such price; .*modes="
    )
    quiet = [mode for mode in MODES if mode.name not in {"times 1e6", "another market"}]
    assert leaks(strict, makers.bars(60), modes=quiet) == []


def test_a_function_that_changes_what_it_is_given_keeps_no_first_answer() -> None:
    """Guarded by `if`, the look-ahead of the first call would be the answer of all others, and of the caller's bars."""

    def lazy(bars: pl.DataFrame) -> pl.DataFrame:
        if "ahead" not in bars.columns:
            bars.insert_column(bars.width, bars["close"].shift(-1).alias("ahead"))
        return bars.select("open_time", "ahead")

    bars = makers.bars(200)
    assert [one.column for one in leaks(lazy, bars)] == ["ahead"]
    assert bars.columns == list(BARS)


def test_nothing_to_look_at_is_no_verdict() -> None:
    honest = column(CLOSE)
    refused(honest, "expected 0 .no pieces. or more, found -5; give", memory=-5)
    for looks in (0, -1):
        refused(honest, f"looks is how many rows .*: expected 1 or more, found {looks}; leave", looks=looks)
        refused(honest, "looks is how many rows", looks=looks, memory=0, cuts=[5])
    refused(
        lambda bars: bars.select("open_time"), "gives nothing but 'open_time': expected a feature at least"
    )
    refused(honest, "found no mode", modes=[])
    refused(honest, "no cut of .* has a future: expected some in 0 … 58", cuts=[59, 99])
    refused(honest, "no cut of", cuts=[])
    refused(honest, "bars has no column 'closed': .*; name the column of the time in time=…", time="closed")
    late = pl.DataFrame({"at": [makers.START]})
    for known_at in ("known", pl.col("known") + MINUTE):
        table = {"late": Table(late, known_at)}
        what = "late has no column 'known': .*; name the column of the time in its Table's known_at"
        refused(honest, what, tables=table, usable_after=MINUTE)
    refused(
        lambda bars: bars.select(pl.when(CLOSE > 1e5).then(1).otherwise(0).alias("high")).to_dummies(),
        "the function gives other columns for the bars with the future",
    )


def test_no_declared_feature_at_all_is_no_verdict() -> None:
    bars = makers.bars(60)
    with pytest.raises(BadData, match=r"features need their names: .* found none; name a"):
        declared_leaks(bars, "1m", [])
    with pytest.raises(UnknownName, match="no_such_feature"):
        declared_leaks(bars, "1m", ["no_such_feature"])
    with pytest.raises(BadData, match="found no mode"):
        declared_leaks(bars, "1m", ["mom_1"], modes=[])
    with pytest.raises(BadData, match="looks is how many rows"):
        declared_leaks(bars, "1m", ["mom_1"], looks=0)
