"""Where the leak detector cuts: every time of stacked symbols, every row when thorough, each row of another table as it
becomes known."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from pipelines.features import compute, hours
from pipelines.features.causality import MODES, Table, declared_leaks, leaks
from pipelines.features.causality.cuts import becoming_known
from pipelines.features.joins import last_known
from pipelines.market.schemas import BARS
from pipelines.market.timeframes import GRACE, length_of
from tests.pipelines.features import makers
from tests.pipelines.features.looking import CLOSE, MINUTE, TIME, column


def test_rows_of_one_time_are_no_future_of_each_other() -> None:
    """Two symbols one above the other: a mean over them is honest, the next minute's is not."""
    both = pl.concat([makers.bars(150, seed=1), makers.bars(150, seed=2)]).sort(
        "open_time", maintain_order=True
    )
    mean = CLOSE.mean().over("open_time")
    assert leaks(lambda panel: panel.select("open_time", mean), both) == []
    late = leaks(lambda panel: panel.select("open_time", late=mean.shift(-2)), both)
    assert [(one.column, one.row) for one in late] == [("late", 0)]


def test_every_way_at_every_row_also_with_a_table() -> None:
    """One row that reads one later row of a table: found whatever the seed."""
    bars = makers.bars(120)
    times = bars["open_time"] + length_of("1m")
    told = pl.DataFrame({"at": times, "x": np.random.default_rng(1).normal(size=120)})

    def rare(rows: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
        late = told.height > 71 and (told["x"][71] or 0.0) > 0
        reads = pl.Series([float(late and row == 70) for row in range(rows.height)])
        return rows.select("open_time", rare=reads)

    for seed in range(6):
        found = leaks(
            rare,
            bars,
            tables={"told": Table(told, "at")},
            usable_after=length_of("1m"),
            thorough=True,
            seed=seed,
        )
        assert [one.row for one in found] == [70], seed


def stacked(symbols: int, minutes: int) -> pl.DataFrame:
    """Symbols one above the other, a row each a minute."""
    rng = np.random.default_rng(symbols)
    times = [makers.START + k * MINUTE for k in range(minutes) for _ in range(symbols)]
    closes = np.exp(rng.normal(0.0, 1e-3, (minutes, symbols)).cumsum(axis=0)).reshape(-1)
    names = [f"S{number:02d}" for number in range(symbols)] * minutes
    return pl.DataFrame(
        {"open_time": pl.Series(times, dtype=BARS["open_time"]), "symbol": names, "close": closes}
    )


@pytest.mark.parametrize("looks", [2_000, 80])
def test_every_time_of_stacked_symbols_is_cut_when_there_are_at_most_so_many(looks: int) -> None:
    """79 of 80 times have a future; of 3,200 rows only the last of each time is a cut."""
    bars = stacked(40, 80)
    ahead = CLOSE.shift(-1).over("symbol")
    for minute in (17, 58):
        one = pl.when(makers.START + minute * MINUTE == TIME).then(ahead).otherwise(CLOSE)
        found = leaks(column(one), bars, looks=looks)
        assert [leak.row for leak in found] == [40 * minute], minute
    assert leaks(column(CLOSE.diff().over("symbol")), bars, looks=looks) == []


def test_of_more_times_as_many_as_looks_are_cut() -> None:
    bars, cuts = stacked(20, 400), set()

    def watching(rows: pl.DataFrame) -> pl.DataFrame:
        cuts.add(rows.height)
        return rows.select("open_time", "close")

    cut_off = [mode for mode in MODES if mode.name == "cut off"]
    leaks(watching, bars, looks=100, modes=cut_off)
    assert 100 <= len(cuts - {bars.height}) <= 160  # the edges as well
    assert all(rows % 20 == 0 for rows in cuts)
    leaks(watching, bars, looks=100, modes=cut_off, thorough=True)
    assert cuts == {20 * minute for minute in range(1, 401)}


def test_thorough_leaves_out_no_row_however_few_the_looks() -> None:
    """One row of 1,500, without and with a table that it is read of: found whatever the seed."""
    bars = makers.bars(1_500, seed=4).with_columns(volume=pl.int_range(1_500).cast(pl.Float64))
    late = pl.when(pl.col("volume") == 237.0).then(CLOSE.shift(-1)).otherwise(CLOSE)
    for seed in range(3):
        found = leaks(column(late), bars, looks=5, thorough=True, seed=seed, modes=MODES[:2])
        assert [(one.row, one.distance) for one in found] == [(237, 1)], seed
    few = bars.head(300)
    told = few.select("open_time", told="close")
    one = pl.when(pl.col("volume") == 237.0).then(pl.col("told").shift(-1)).otherwise(pl.col("told"))
    found = leaks(
        lambda bars, table: bars.join(table, on="open_time", how="left").select("open_time", found=one),
        few,
        tables={"table": Table(told, TIME + MINUTE)},
        usable_after=MINUTE,
        looks=5,
        thorough=True,
        modes=MODES[:2],
    )
    assert [(one.row, one.distance) for one in found] == [(237, 1)]


# --- other tables


def known_early(early: timedelta) -> Callable[..., pl.DataFrame]:
    """joins.context with each longer bar known so much earlier than it is."""

    def context(
        rows: pl.DataFrame, timeframe: str, longer: pl.DataFrame, longer_timeframe: str, prefix: str
    ) -> pl.DataFrame:
        usable = rows["open_time"] + length_of(timeframe) + GRACE
        reach = length_of(longer_timeframe)
        found = last_known(usable, longer, TIME + reach + GRACE - early, reach - timedelta(microseconds=1))
        return pl.concat([rows, found.select(pl.all().name.prefix(prefix))], how="horizontal")

    return context


def test_an_hour_known_a_minute_early_is_found_whatever_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most one row an hour, of 2,000 minutes, sees the hour that is not over."""
    bars = makers.bars(2_000, seed=5)
    read = {"hours": makers.tables(bars, "1m", 5)["hours"]}
    names = ["hour_close_sma_50_ratio"]
    honest = compute(bars, "1m", names, **read)
    monkeypatch.setattr(hours, "context", known_early(MINUTE))
    peeking = compute(bars, "1m", names, **read)
    rows = [row for row in range(2_000) if honest.row(row) != peeking.row(row)]
    assert 15 <= len(rows) <= 34
    for seed in range(20):
        found = declared_leaks(bars, "1m", names, tables=read, seed=seed)
        assert {one.row for one in found} <= set(rows), seed
        assert found, seed


def test_bars_at_which_rows_of_a_table_become_known() -> None:
    usable = np.arange(10, 110, 10)  # 10, 20 … 100
    known = np.array([3, 30, 31, 55, 55, 101])
    rng = np.random.default_rng(0)
    assert becoming_known(usable, known, 40, rng).tolist() == [0, 1, 2, 3, 4, 5, 9]
    dense = becoming_known(usable, usable, 3, rng)
    assert dense.size == 3
    assert set(dense.tolist()) <= set(range(9))
    assert becoming_known(usable, np.empty(0, dtype=np.int64), 3, rng).size == 0
    assert becoming_known(np.empty(0, dtype=np.int64), known, 3, rng).size == 0
