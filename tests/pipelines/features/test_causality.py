"""The leak detector: silent on every declared feature, exact on leaks of any row and reach, and clear about misuse."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.errors import BadData, UnknownName
from pipelines.features import catalogue, compute, hours
from pipelines.features.causality import MODES, Mode, Table, declared_leaks, leaks
from pipelines.features.causality.cuts import becoming_known
from pipelines.features.causality.modes import perturbed
from pipelines.features.continued import memory
from pipelines.features.joins import last_known
from pipelines.market.schemas import BARS, FUNDING
from pipelines.market.timeframes import GRACE, length_of, minutes_of
from tests.pipelines.features import makers

CLOSE, TIME = pl.col("close"), pl.col("open_time")
MINUTE = timedelta(minutes=1)
BARS_2000 = makers.bars(2_000, gaps=(500, 503, 1_500))


def of_bars(timeframe: str) -> list[str]:
    """Every declared feature of bars alone that the timeframe has."""
    minutes = minutes_of(timeframe)
    return [one.name for one in catalogue() if one.source == "bars" and one.exists(minutes)]


def column(expression: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda bars: bars.select("open_time", found=expression)


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


# --- what is done to the future


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_a_mode_leaves_the_past_and_its_order_alone(mode: Mode) -> None:
    bars = makers.bars(400, seed=4)
    later = np.random.default_rng(1).random(400) < 0.4
    got, kept = perturbed(bars, later, mode, np.random.default_rng(2))
    assert got.schema == bars.schema
    assert got.height == kept.sum()
    assert kept[~later].all()
    assert got.filter(pl.Series(~later[kept])).equals(bars.filter(pl.Series(~later)))
    assert not got.equals(bars)
    if mode.name not in {"after a gap", "cut off", "every other row lost"}:
        assert got["open_time"].equals(bars["open_time"])
    if mode in MODES[:3]:  # these take turns: each must move every price and amount
        moved = later & (bars["volume"] > 0).to_numpy()
        for name in ("open", "high", "low", "close", "volume", "bid_ask_spread"):
            assert (got[name] != bars[name]).to_numpy()[moved].mean() > 0.99, name


def test_another_market_is_a_possible_one() -> None:
    bars = makers.bars(400, seed=4)
    got, _ = perturbed(bars, np.ones(400, dtype=np.bool_), MODES[1], np.random.default_rng(2))
    assert MODES[1].name == "another market"
    assert (got["high"] >= got.select(pl.max_horizontal("open", "close", "low")).to_series()).all()
    assert (got["volume"] >= 0.0).all()


def test_pieces_are_rows_of_the_bars_at_their_hour_and_weekday_in_order_of_time() -> None:
    bars = makers.bars(900, "15m", seed=5, gaps=(300,))
    bars = bars.with_columns(CLOSE + pl.int_range(pl.len()))  # every close is another
    place = bars.select("close", "volume", hour=TIME.dt.time(), weekday=TIME.dt.weekday())
    seen: list[int] = []

    def watching(rows: pl.DataFrame) -> pl.DataFrame:
        seen.append(rows.height)
        assert rows["open_time"].is_sorted()
        assert rows["open_time"].is_unique().all()
        original = rows.select("close", "volume", hour=TIME.dt.time(), weekday=TIME.dt.weekday())
        known = original.join(place, on="close", suffix="_of_bar")
        if rows.height > bars.height:
            assert known.height > rows.height // 2
            assert (known["hour"] == known["hour_of_bar"]).all()
            assert (known["weekday"] == known["weekday_of_bar"]).all()
        return rows.select("open_time", before=CLOSE.shift(1))

    assert leaks(watching, bars, modes=[mode for mode in MODES if mode.name == "times 1e6"]) == []
    assert max(seen) > 10 * bars.height


# --- misuse


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


# --- other tables, at the moments at which their rows become known


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
