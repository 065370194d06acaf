"""The leak detector: silent on every declared feature, and exact on leaks of any row and reach."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.features import catalogue
from pipelines.features.causality import MODES, Mode, Table, declared_leaks, leaks
from pipelines.features.continued import memory
from pipelines.market.schemas import BARS, FUNDING
from pipelines.market.timeframes import minutes_of
from tests.pipelines.features import makers
from tests.pipelines.features.looking import CLOSE, MINUTE, TIME, column

BARS_2000 = makers.bars(2_000, gaps=(500, 503, 1_500))


def of_bars(timeframe: str) -> list[str]:
    """Every declared feature of bars alone that the timeframe has."""
    minutes = minutes_of(timeframe)
    return [one.name for one in catalogue() if one.source == "bars" and one.exists(minutes)]


# --- nothing declared leaks


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_no_declared_feature_leaks_at_any_row_under_any_mode(mode: Mode) -> None:
    """Every row of 2,000 with three gaps; a false alarm here would be a leak of the whole system."""
    assert declared_leaks(BARS_2000, "1m", of_bars("1m"), modes=[mode], thorough=True) == []


@pytest.mark.parametrize("timeframe", ["5m", "15m", "1h", "1d"])
def test_no_declared_feature_leaks_in_longer_bars(timeframe: str) -> None:
    rows = 1_500 if timeframe == "1h" else 700  # enough for the thirty days of volatility_regime
    bars = makers.bars(rows, timeframe, seed=2, gaps=(100, 420))
    assert declared_leaks(bars, timeframe, of_bars(timeframe)) == []


def test_what_remembers_a_month_does_not_leak_at_any_hour_under_any_mode() -> None:
    """Every row of 1,500 hours, every way at each: minutes have too many to look at one by one."""
    long = [name for name in of_bars("1h") if memory([name], "1h") > 320]
    assert "volatility_regime" in long
    bars = makers.bars(1_500, "1h", seed=2, gaps=(100, 420))
    assert declared_leaks(bars, "1h", long, thorough=True) == []


def test_no_feature_of_another_table_leaks() -> None:
    """Funding is known at its stamp, breadth and the flow of cohorts when their bar is usable, hours at their close."""
    bars = makers.bars(1_200, "5m", seed=3)
    rng = np.random.default_rng(3)
    stamps = [makers.START + timedelta(hours=hour, milliseconds=989) for hour in range(101)]
    rates = pl.DataFrame({"time": stamps, "rate": rng.normal(0.0, 1e-4, 101), "period_hours": 1.0}, FUNDING)
    flow = bars.select(
        "open_time", flow_top=CLOSE.diff().fill_null(0.0), flow_bottom=CLOSE, adv=pl.lit(200.0)
    )
    share = bars.select("open_time", breadth=pl.Series(rng.random(1_200)))
    hours = makers.tables(bars, "5m", 3)["hours"]
    tables = {"funding": rates, "flow": flow, "breadth": share, "hours": hours}
    names = [one.name for one in catalogue() if one.source != "bars"]
    assert len(names) >= 14
    assert declared_leaks(bars, "5m", names, tables=tables) == []


@pytest.mark.real
@pytest.mark.parametrize("market", ["binance_usdm_BTCUSDT", "hyperliquid_ETH"])
def test_no_declared_feature_leaks_on_real_minutes(real_data: Path, market: str) -> None:
    candles = pl.read_parquet(real_data / "ohlcv_1m" / f"{market}_1m.parquet").sort("open_time").tail(6_000)
    bars = candles.select(
        candles[name].cast(kind) if name in candles.columns else pl.lit(None, kind).alias(name)
        for name, kind in BARS.items()
    )
    assert bars["close"].n_unique() > 1_000
    assert declared_leaks(bars, "1m", of_bars("1m"), looks=500) == []


# --- what leaks is found, wherever it is and however far it reaches


@pytest.mark.parametrize("reach", [1, 2, 63, 64, 65, 150, 300])
def test_one_row_that_reads_one_later_bar_is_found_with_its_reach(reach: int) -> None:
    """Any row of 1,000, 1 to 300 bars ahead: near ones are seen in pieces, far ones by a cut in between."""
    rng = np.random.default_rng(reach)
    row = int(rng.integers(1, 650))
    bars = makers.bars(1_000, seed=reach).with_columns(volume=pl.Series(rng.permutation(1_000) + 1.0))
    here = pl.col("volume") == bars["volume"][row]
    found = leaks(
        column(pl.when(here).then(CLOSE.shift(-reach)).otherwise(CLOSE)), bars, modes=MODES[:3], thorough=True
    )
    assert [(one.row, one.distance, one.span) for one in found] == [(row, reach, reach * MINUTE)]


@pytest.mark.parametrize("every", ["1h", "1d"])
def test_a_leak_of_boundaries_is_found_in_a_long_series(every: str) -> None:
    """Only the last minute of an hour or a day sees the next one: 14 rows of 20,000 for days."""
    bars = makers.bars(20_000, seed=1)
    last = TIME.dt.truncate(every) != TIME.shift(-1).dt.truncate(every)
    peeks = pl.when(last).then(pl.col("open").shift(-1)).otherwise(pl.col("open"))
    assert [(one.column, one.distance) for one in leaks(column(peeks), bars, looks=200)] == [("found", 1)]


def test_only_the_leaking_columns_are_named_in_their_order() -> None:
    def several(bars: pl.DataFrame) -> pl.DataFrame:
        late = bars.select("open_time", b=CLOSE.shift(-2), honest=CLOSE.diff(), a=CLOSE.max(), word="origin")
        return late.with_columns(next_word=pl.col("word").shift(-1), above=pl.col("b") > 100.0)

    found = leaks(several, makers.bars(300).with_columns(origin=pl.Series([*"abc"] * 100)))
    assert [(one.column, one.distance) for one in found] == [
        ("b", 2),
        ("a", 299),
        ("next_word", 1),
        ("above", 2),
    ]


def test_a_sign_of_zero_and_a_null_for_nan_are_differences() -> None:
    bars = makers.bars(120)
    falls = CLOSE.shift(-1) < CLOSE
    minus = pl.when(falls).then(pl.lit(-0.0)).otherwise(pl.lit(0.0))
    assert [one.column for one in leaks(column(minus), bars)] == ["found"]
    unknown = pl.when(falls).then(pl.lit(float("nan"))).otherwise(pl.lit(None, pl.Float64))
    assert [one.column for one in leaks(column(unknown), bars)] == ["found"]


def test_what_reaches_beyond_the_last_bar_has_no_span() -> None:
    """A total of a table that is known a day after the last bar."""
    after = pl.DataFrame({"known": [makers.START + timedelta(days=3)], "total": [5.0]})
    (found,) = leaks(
        lambda bars, late: bars.select("open_time", total=pl.lit(late["total"].sum())),
        makers.bars(100),
        tables={"late": Table(after, "known")},
        usable_after=MINUTE,
    )
    assert (found.row, found.distance, found.span) == (0, 100, None)
    assert "beyond the last bar" in str(found)


def test_a_leak_is_told_in_one_sentence() -> None:
    (found,) = leaks(column(CLOSE.shift(-3)), makers.bars(200), modes=MODES[:1])
    assert str(found) == (
        "found reads the future: row 0 (2024-01-01 00:00:00+00:00) reaches 3 bars (0:03:00) ahead; expected the same "
        f"value whatever comes later, found {found.before} and, future times 1e6, {found.after}; use only what was "
        "known when that row became usable."
    )
    assert found.after == 1e6 * found.before


def test_given_cuts_are_the_only_ones() -> None:
    bars = makers.bars(300)
    late = pl.when(pl.int_range(pl.len()) == 77).then(CLOSE.shift(-1)).otherwise(CLOSE)
    assert leaks(column(late), bars, cuts=[*range(77), *range(78, 299)]) == []
    assert [(one.row, one.distance) for one in leaks(column(late), bars, cuts=[77])] == [(77, 1)]


def test_without_pieces_even_one_row_number_is_found() -> None:
    bars = makers.bars(300)
    late = pl.when(pl.int_range(pl.len()) == 78).then(CLOSE.shift(-1)).otherwise(CLOSE)
    assert [(one.row, one.distance) for one in leaks(column(late), bars, memory=0, thorough=True)] == [
        (78, 1)
    ]


def test_rows_may_be_named_by_another_column() -> None:
    trades = makers.bars(200).rename({"open_time": "time"})
    found = leaks(lambda rows: rows.select("time", late=CLOSE.shift(-1)), trades, time="time")
    assert [(one.column, one.row, one.distance) for one in found] == [("late", 0, 1)]


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
def test_few_bars_are_no_error(rows: int) -> None:
    found = leaks(column(CLOSE.shift(-1)), makers.bars(300).head(rows))
    assert len(found) == (rows > 1)
