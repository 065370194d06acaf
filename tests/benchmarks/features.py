"""53 features over a million minute bars, against the same 53 in vectorised pandas: each column from its own formula,
as strategies are written (peers/pandas_one_by_one.py), and with every intermediate shared (peers/pandas_features.py).

All start from their own frame in memory and give a frame of 53 float64 columns. Their values are compared
before they are timed: a peer that computes something else proves nothing.
"""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from pipelines.features import compute, feature_set
from tests.benchmarks.measure import Row, at_least, at_most, best
from tests.benchmarks.peers.pandas_features import pandas_features
from tests.benchmarks.peers.pandas_one_by_one import pandas_one_by_one

ROWS = 1_000_000
MICROSECONDS = 0.5  # budget a row
FASTER = 10.0  # budget against pandas
WRITTEN = 4.0  # budget against writing the result alone
AGREEMENT = 1e-6  # relative; pandas' running sums leave a dust of some 1e-7
MAKERS = Path(__file__).parents[1] / "pipelines" / "features" / "makers.py"


def measure() -> list[Row]:
    """The limit a row, what writing the columns alone takes, and pandas; without a gap and with a thousand."""
    return [*_rows(gaps=0), *_rows(gaps=1_000)]


def _rows(gaps: int) -> list[Row]:
    bars = make_bars(ROWS, gaps)
    table, names = as_pandas(bars), feature_set("v5").names
    _must_agree(bars.head(ROWS // 50), names)
    ours, written, plain, shared = best(
        lambda: compute(bars, "1m", names),
        lambda: _write(len(names)),
        lambda: pandas_one_by_one(table),
        lambda: pandas_features(table),
        runs=5,
        repeats=3,
    )
    work = f"53 features, {ROWS:,} bars, {gaps:,} gaps"
    return [
        at_most(1.0, work, ours, f"{MICROSECONDS} µs a row", ROWS * MICROSECONDS * 1e-6),
        at_most(WRITTEN, work, ours, "writing as many fresh columns, nothing computed", written),
        at_least(FASTER, work, ours, "pandas, formula by formula", plain),
        at_least(FASTER, work, ours, "pandas, all intermediates shared", shared),
    ]


def _write(columns: int) -> None:
    """What no engine can do without: the memory of the result, written once, by as many threads as ours has."""
    fresh, threads = np.empty((columns, ROWS)), pl.thread_pool_size()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: part.fill(1.0), np.array_split(fresh, threads)))


def _must_agree(bars: pl.DataFrame, names: tuple[str, ...]) -> None:
    ours, table = compute(bars, "1m", names), as_pandas(bars)
    for theirs in (pandas_one_by_one(table), pandas_features(table)):
        for name in names:
            mine, other = ours.get_column(name).to_numpy(), theirs[name].to_numpy(dtype=float)
            known = ~np.isnan(mine)
            if not np.allclose(mine[known], other[known], rtol=AGREEMENT, atol=1e-9):
                raise AssertionError(
                    f"pandas and Tidemark differ in {name}: the comparison would mean nothing."
                )


def make_bars(rows: int, gaps: int = 0) -> pl.DataFrame:
    """Random BARS rows of the feature tests, 1 m, with evenly spaced gaps."""
    found = importlib.util.spec_from_file_location("feature_makers", MAKERS)
    assert found is not None
    assert found.loader is not None
    makers = importlib.util.module_from_spec(found)
    found.loader.exec_module(makers)
    frame: pl.DataFrame = makers.bars(
        rows, gaps=tuple(range(0, rows, rows // (gaps + 1)))[1:] if gaps else ()
    )
    return frame


def as_pandas(bars: pl.DataFrame) -> pd.DataFrame:
    """The bars as numpy-backed pandas columns."""
    return pd.DataFrame({name: bars.get_column(name).to_numpy() for name in bars.columns if name != "origin"})
