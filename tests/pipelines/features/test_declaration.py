"""What a feature declares of itself is true: it reads its inputs and nothing else, and longer bars are made as it says.

Both are seen from outside: columns are replaced, and minutes are put together by the rule that the declaration names.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from assets.beside import BEFORE
from pipelines.features import Feature, Minutes, catalogue, compute, feature_set
from pipelines.features.sources import READ, SOURCES, Source, known_at
from pipelines.market.bars.longer import longer
from pipelines.market.schemas import BARS
from pipelines.market.timeframes import MINUTES, minutes_of
from tests.pipelines.features import laws, makers

Columns = dict[str, np.ndarray]
ROWS, FIVE = 3_000, 5
LONG = 10_000  # bars of a lookback that are too many to try one by one


def timeframe_of(one: Feature) -> str:
    """The shortest that has the feature and no month of bars in its lookback."""
    names = [name for name, minutes in MINUTES.items() if one.exists(minutes)]
    return next(name for name in names if one.bars(minutes_of(name)) < LONG)


def world(one: Feature) -> tuple[str, dict[str, pl.DataFrame]]:
    timeframe = timeframe_of(one)
    rows = one.bars(minutes_of(timeframe)) + 300
    bars = makers.bars(rows, timeframe, seed=21)
    if not one.ticks:  # what is read of ticks where there are any, is not all that is read
        bars = pl.concat([bars.head(rows - 150), makers.without_ticks(bars.tail(150))])
    return timeframe, {"bars": bars, **makers.tables(bars, timeframe, 21)}


def values(one: Feature, timeframe: str, tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    return compute(tables["bars"], timeframe, [one.name], **{k: v for k, v in tables.items() if k != "bars"})


def replaced(table: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Other numbers in these columns: 0 in every third row, elsewhere those of some other row, times 3."""
    rng = np.random.default_rng(4)
    keep = np.arange(table.height) % 3 > 0
    return table.with_columns(
        pl.Series(name, rng.permutation(table[name].to_numpy()) * 3 * keep, nan_to_null=True).cast(
            table.schema[name]
        )
        for name in names
    )


def restless(table: pl.DataFrame, name: str) -> pl.DataFrame:
    """A column whose last rows jump by up to a tenth, for a flag that a calm column never raises."""
    jumps = np.where(
        np.arange(table.height) < table.height - 20,
        1.0,
        np.random.default_rng(5).uniform(1.0, 1.1, table.height),
    )
    return table.with_columns((pl.col(name) * pl.Series(jumps)).cast(table.schema[name]))


@pytest.mark.parametrize("one", catalogue(), ids=lambda one: one.name)
def test_reads_its_inputs_and_nothing_else(one: Feature) -> None:
    timeframe, tables = world(one)
    read = READ[one.source]
    whole, table = values(one, timeframe, tables), tables[read.argument]
    numbers = [n for n in table.columns if n != read.time and table.schema[n].is_numeric()]
    others = [name for name in numbers if name not in one.inputs]
    assert set(one.inputs) <= set(numbers)
    assert whole[one.name].is_not_null().any()
    elsewhere = {
        n: replaced(t, [c for c in t.columns if t.schema[c].is_numeric()]) for n, t in tables.items()
    }
    unread = {**elsewhere, read.argument: replaced(table, others)}
    assert laws.other_bits(whole, values(one, timeframe, unread)) == [], "it reads what it does not declare"
    for name in one.inputs:
        others = [
            {**tables, read.argument: changed} for changed in (replaced(table, [name]), restless(table, name))
        ]
        assert any(laws.other_bits(whole, values(one, timeframe, other)) for other in others), (
            f"{name} is not read"
        )


# --- longer bars


def minutes_with_books() -> pl.DataFrame:
    """Minutes whose book is known for 30 to 60 seconds, each depth for a time of its own."""
    rng = np.random.default_rng(6)
    seconds = ("book_seconds", "book_seconds_5", "book_seconds_10")
    known = [pl.Series(name, rng.uniform(30.0, 60.0, ROWS)) for name in seconds]
    return (
        makers.bars(ROWS, seed=6)
        .with_columns(known)
        .with_columns(
            effective_spread_amount=pl.col("volume") * pl.Series(rng.uniform(0.5, 1.0, ROWS)),
            level1_size_sum=pl.col("book_seconds") * pl.Series(rng.lognormal(0.0, 1.0, ROWS)),
        )
    )


def weighted(x: np.ndarray, by: np.ndarray, without: np.ndarray | float) -> np.ndarray:
    total = by.sum(axis=1)
    return np.where(total == 0.0, without, (x * by).sum(axis=1) / np.where(total == 0.0, 1.0, total))


def by_seconds(one: Feature, x: np.ndarray, minute: Columns) -> np.ndarray:
    (seconds,) = (name for name in one.inputs if name.startswith("book_seconds"))
    return weighted(x, minute[seconds], 0.0)


def merged(one: Feature, x: np.ndarray, minute: Columns) -> np.ndarray:
    """From n, mean and deviation of each minute's trades (Chan, Golub & LeVeque 1979)."""
    n, price = np.nan_to_num(minute["trades"]), one.name == "tick_volatility"
    mean = np.nan_to_num(minute["price_mean" if price else "size_mean"])
    together = weighted(mean, n, 0.0)
    if one.name == "trade_size_mean":
        return together
    std = x * minute["close"] / 1e4 if price else x
    squares = (np.maximum(n - 1, 0) * std**2 + n * (mean - together[:, None]) ** 2).sum(axis=1)
    deviation = np.where(n.sum(axis=1) < 2, 0.0, np.sqrt(squares / np.maximum(n.sum(axis=1) - 1, 1)))
    return 1e4 * deviation / minute["close"][:, -1] if price else deviation


def between_ends(one: Feature, x: np.ndarray, minute: Columns) -> np.ndarray:
    start, end = minute["mid_start"][:, 0], minute["mid_end"][:, -1]
    net = (minute["bought"] - minute["sold"]).sum(axis=1)
    return np.where(minute["trades"].sum(axis=1) == 0, 0.0, 1e4 * np.sign(net) * (end - start) / start)


def of_sums(one: Feature, x: np.ndarray, minute: Columns) -> np.ndarray:
    size = minute["level1_size_sum"].sum(axis=1) / minute["book_seconds"].sum(axis=1)
    return minute["flow_imbalance_sum"].sum(axis=1) / size


RULES: dict[str, Callable[[Feature, np.ndarray, Columns], np.ndarray]] = {
    "seconds": by_seconds,
    "last": lambda one, x, minute: x[:, -1],
    "amount": lambda one, x, minute: weighted(x, minute["effective_spread_amount"], 0.0),
    "minutes": lambda one, x, minute: x.mean(axis=1),
    "volume": lambda one, x, minute: weighted(x, minute["bought"] + minute["sold"], x[:, 0]),
    "trades": lambda one, x, minute: weighted(x, minute["trades"], 0.0),
    "moments": merged,
    "sum": lambda one, x, minute: x.sum(axis=1),
    "ends": between_ends,
    "ratio of sums": of_sums,
}
FROM_TICKS = [one for one in catalogue() if one.ticks]


@pytest.mark.parametrize("one", FROM_TICKS, ids=lambda one: one.name)
def test_a_longer_bar_is_made_of_its_minutes_as_declared(one: Feature) -> None:
    bars = minutes_with_books()
    short = compute(bars, "1m", [one.name])[one.name].to_numpy().reshape(-1, FIVE)
    long = compute(longer(bars, "5m"), "5m", [one.name])[one.name].to_numpy()
    minute = {
        name: bars[name].cast(pl.Float64).to_numpy().reshape(-1, FIVE)
        for name, kind in BARS.items()
        if kind not in (pl.String, BARS["open_time"])
    }
    known = ~np.isnan(short).any(axis=1) & ~np.isnan(long)
    assert known.sum() > 500
    expected = RULES[one.aggregation](one, short, minute)
    np.testing.assert_allclose(long[known], expected[known], rtol=1e-9, atol=1e-9)
    assert np.ptp(long[known]) > 0


def test_every_other_rule_gives_another_value() -> None:
    """Or the test above could not tell one declaration from another."""
    bars = minutes_with_books()
    (spread,) = (one for one in FROM_TICKS if one.name == "bid_ask_spread")
    x = bars["bid_ask_spread"].to_numpy().reshape(-1, FIVE)
    minute = {name: bars[name].cast(pl.Float64).to_numpy().reshape(-1, FIVE) for name in bars.columns[7:]}
    results = [
        RULES[rule](spread, x, minute) for rule in ("seconds", "last", "minutes", "trades", "sum", "volume")
    ]
    for k, ours in enumerate(results):
        for theirs in results[:k]:
            assert np.nanmedian(np.abs(ours - theirs)) > 1e-3


def test_features_without_ticks_are_their_formula_on_the_longer_bars() -> None:
    bars = longer(makers.bars(ROWS, seed=7), "5m")
    own = [one for one in laws.existing("5m") if one.aggregation == "own bars"]
    assert {one.name for one in own} == {one.name for one in laws.existing("5m") if not one.ticks}
    names = [one.name for one in own]
    assert laws.other_bits(compute(bars, "5m", names), compute(makers.without_ticks(bars), "5m", names)) == []


def test_cohorts_of_an_hour_are_those_of_its_last_five_minutes() -> None:
    cohorts = [one for one in catalogue() if one.source == "cohorts"]
    assert {one.aggregation for one in cohorts} == {"last"}
    names = [one.name for one in cohorts]
    five, hours = makers.bars(1_440, "5m", seed=8), makers.bars(120, "1h", seed=8)
    flow = makers.tables(five, "5m", 8)["flow"]
    short, long = compute(five, "5m", names, flow=flow), compute(hours, "1h", names, flow=flow)
    assert laws.other_bits(long, short[11::12].with_columns(long["open_time"])) == []
    assert long["S_top"].is_not_null().sum() > 20


@pytest.mark.parametrize(
    "one", [one for one in catalogue() if one.source == "hours"], ids=lambda one: one.name
)
def test_hours_further_back_than_declared_are_not_read_and_those_within_are_needed(one: Feature) -> None:
    """At any minute of an hour; the oldest hour that is within reach is needed at its first minute."""
    bars = makers.bars(120, seed=9)
    hours = makers.tables(bars, "1m", 9)["hours"]
    whole = compute(bars, "1m", [one.name], hours=hours)
    for row in (0, 58, 59, 60, 119):
        oldest = bars["open_time"][row] - one.behind
        got = compute(bars, "1m", [one.name], hours=hours.filter(pl.col("open_time") >= oldest))
        assert got[row].equals(whole[row]), row
    fewer = hours.filter(pl.col("open_time") > bars["open_time"][0] - one.behind + timedelta(hours=1))
    assert compute(bars, "1m", [one.name], hours=fewer)[one.name][0] is None


def test_embargo_and_history_count_what_other_tables_reach_back_to() -> None:
    assert feature_set("v5_hours").lookback == 51 * 60 + 1
    assert feature_set("v5_hours", "15m").lookback == 276
    assert feature_set("v5").lookback == 276
    for one in catalogue():
        minutes = one.lookback.count if isinstance(one.lookback, Minutes) else 0
        if one.source != "bars":
            assert max(one.behind, timedelta(minutes=minutes)) <= BEFORE, (
                "paper sessions would read too little"
            )


NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "timeframe", "known"),
    [
        ("bars", "1m", NOON + timedelta(minutes=1, seconds=3)),
        ("bars", "12h", NOON + timedelta(hours=12, seconds=3)),
        ("funding", "1m", NOON),
        ("cohorts", "15m", NOON + timedelta(minutes=5, seconds=3)),
        ("breadth", "1m", NOON + timedelta(minutes=1, seconds=3)),
        ("breadth", "15m", NOON + timedelta(minutes=15, seconds=3)),
        ("hours", "1m", NOON + timedelta(hours=1, seconds=3)),
        ("hours", "15m", NOON + timedelta(hours=1, seconds=3)),
    ],
)
def test_a_row_named_noon_is_known_then(source: Source, timeframe: str, known: datetime) -> None:
    """FEATURES.md: a bar at its close + 3 s, a rate at its stamp. The detector believes these, so they stand here."""
    row = pl.DataFrame(
        {READ[source].time: [NOON]}, schema={READ[source].time: READ[source].schema[READ[source].time]}
    )
    assert row.select(known_at(source, timeframe)).item() == known


def test_every_source_has_its_time_above() -> None:
    (marked,) = (m for m in test_a_row_named_noon_is_known_then.pytestmark if m.name == "parametrize")
    assert {case[0] for case in marked.args[1]} == set(SOURCES)
