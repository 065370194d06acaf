"""Market breadth from end to end: made of the judged bars of every symbol, by month, and read by their features."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.breadth import Market, breadth_now, made_from, market_of, stale_months
from assets.feature_months import made_now
from assets.increments import remember, start_of
from pipelines.errors import MissingData
from pipelines.features.breadth import breadth as whole
from pipelines.settings import parse
from resources.lake import Lake
from schedules.launches import Launch, breadth_launches
from tests.assets.world import UNIVERSE, World, metadata, toml, why
from tests.pipelines.features import makers

SYMBOLS = ("BTC-USD", "ETH-USD")
HOUR, ROWS = "1h", 2_600  # January to March and some days of April
MANY = ("A-USD", "B-USD", "C-USD")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two symbols whose hours are stored and judged."""
    with dg.DagsterInstance.ephemeral() as instance:
        made = World(tmp_path, instance, toml(SYMBOLS))
        for symbol in SYMBOLS:
            made.ingest(symbol)
            run = made.run("build_bars", f"{symbol}|{HOUR}")
            assert run.success, why(run)
        yield made


def test_features_say_that_breadth_is_absent_and_have_it_once_it_is_made(world: World) -> None:
    before = world.run("build_features", f"BTC-USD|{HOUR}")
    assert metadata(before, "features")["absent"]["breadth"] == "no breadth of 1h are stored"
    assert (
        "market_breadth" not in world.lake.read("features", {"symbol": "BTC-USD", "timeframe": HOUR}).columns
    )
    run = world.run("build_breadth", HOUR)
    assert run.success, why(run)
    assert (metadata(run, "breadth")["symbols"], metadata(run, "breadth")["left_out"]) == (2, {})
    after = world.run("build_features", f"BTC-USD|{HOUR}")
    assert after.success, why(after)
    features = world.lake.read("features", {"symbol": "BTC-USD", "timeframe": HOUR})
    rose = {}
    for symbol in SYMBOLS:
        bars = world.lake.read("bars", {"symbol": symbol, "timeframe": HOUR})
        rose[symbol] = dict(zip(bars["open_time"], bars["close"], strict=True))
    for at, share in features.select("open_time", "market_breadth").iter_rows():
        previous = at - timedelta(hours=1)
        known = [of[at] > of[previous] for of in rose.values() if at in of and previous in of]
        assert share == (sum(known) / len(known) if known else None), at
    assert set(features["market_breadth"].drop_nulls()) == {0.0, 0.5, 1.0}


def test_a_symbol_counts_as_it_was_judged_last_and_is_left_out_by_name_when_found_bad(world: World) -> None:
    keys, of_hours = {"symbol": "ETH-USD", "timeframe": HOUR}, {"timeframe": HOUR}
    assert world.run("build_breadth", HOUR).success
    before = world.lake.read("breadth", of_hours)
    world.lake.replace_months(
        "bars", world.lake.read("bars", keys).head(40), keys
    )  # newer, and nobody looked at them
    run = world.run("build_breadth", HOUR)
    assert run.success, why(run)
    assert metadata(run, "breadth")["symbols"] == 2
    assert world.lake.read("breadth", of_hours).equals(before)
    judged = world.lake.read("data_quality", keys)
    blocking = judged.filter(pl.col("blocking"))["name"][0]
    bad = judged.with_columns(passed=pl.when(pl.col("name") == blocking).then(False).otherwise("passed"))
    world.lake.replace("data_quality", bad, keys)
    run = world.run("build_breadth", HOUR)
    assert run.success, why(run)
    said = metadata(run, "breadth")
    assert (said["symbols"], list(said["left_out"])) == (1, ["ETH-USD"])
    assert set(world.lake.read("breadth", of_hours)["breadth"]) == {0.0, 1.0}


def test_without_any_judged_bar_nothing_is_made(world: World) -> None:
    run = world.run("build_breadth", "1m")
    assert "breadth of 1m needs the judged bars of a symbol, found none: no bars of BTC-USD 1m" in why(run)
    assert not world.lake.exists("breadth", {"timeframe": "1m"})


# --- month by month


def market(lake: Lake) -> Market:
    version = lake.version("bars")
    assert version is not None
    months = {s: lake.months("bars", {"symbol": s, "timeframe": HOUR}, version) for s in MANY}
    months = {symbol: of for symbol, of in months.items() if of}
    return Market(HOUR, dict.fromkeys(months, version), months, {})


def made(lake: Lake, *, killed: bool = False) -> list[str]:
    """What the asset does, or does until it is killed between its two commits: the months that were made."""
    found = market(lake)
    since, stale = stale_months(lake, found)
    frame = breadth_now(lake, found, stale)
    receipt = lake.replace_months("breadth", frame, {"timeframe": HOUR}, since=start_of(since))
    if not killed:
        lake.replace("breadth_made_from", made_from(lake, found, receipt), {"timeframe": HOUR})
    return stale


def test_only_months_whose_bars_changed_are_made_again_and_equal_a_cold_build(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    bars = {symbol: makers.bars(ROWS, HOUR, seed=k, gaps=(300 + k,)) for k, symbol in enumerate(MANY)}

    def record(symbol: str) -> None:
        lake.replace_months("bars", bars[symbol], {"symbol": symbol, "timeframe": HOUR})

    def cold() -> bool:
        return lake.read("breadth", {"timeframe": HOUR}).equals(whole(bars, HOUR))

    for symbol in MANY:
        record(symbol)
    assert made(lake) == ["2024-01", "2024-02", "2024-03", "2024-04"]
    assert cold()
    assert made(lake) == ["2024-04"]  # nothing changed: the newest month, which is not written
    last_of_january = pl.col("open_time") == datetime(2024, 1, 31, 23, tzinfo=UTC)
    dearer = pl.when(last_of_january).then(pl.col("high") * 2).otherwise("close")
    bars["B-USD"] = bars["B-USD"].with_columns(close=dearer)
    record("B-USD")
    assert made(lake)[0] == "2024-01"  # and the first hour of February rises from it
    assert cold()
    for symbol in MANY:  # each counts, also in a month that is neither the first nor the newest
        of_february = pl.when(pl.col("open_time").dt.month() == 2).then(1e4 / pl.col("close"))
        bars[symbol] = bars[symbol].with_columns(close=of_february.otherwise("close"))
        record(symbol)
        assert made(lake)[0] == "2024-02"
        assert cold()
    bars["C-USD"] = bars["C-USD"].filter(pl.col("open_time") < datetime(2024, 4, 3, tzinfo=UTC))
    record("C-USD")
    assert made(lake) == ["2024-04"]
    assert cold()
    for left in ((1, 2, 3), (2, 3)):  # the newest month goes, then the oldest one
        bars = {symbol: of.filter(pl.col("open_time").dt.month().is_in(left)) for symbol, of in bars.items()}
        for symbol in MANY:
            record(symbol)
        made(lake)
        assert cold(), left


def test_a_kill_and_a_return_to_what_was_leave_nothing_wrong(tmp_path: Path) -> None:
    """A symbol goes, the run that makes breadth without it is killed, the symbol is back: what it was made of then."""
    lake = Lake(tmp_path)
    bars = {symbol: makers.bars(ROWS, HOUR, seed=k) for k, symbol in enumerate(MANY)}
    for symbol, frame in bars.items():
        lake.replace_months("bars", frame, {"symbol": symbol, "timeframe": HOUR})
    made(lake)
    keys = {"symbol": "C-USD", "timeframe": HOUR}
    lake.replace_months("bars", bars["C-USD"].head(0), keys)
    made(lake, killed=True)
    assert not lake.read("breadth", {"timeframe": HOUR}).equals(whole(bars, HOUR))
    lake.replace_months("bars", bars["C-USD"], keys)
    assert made(lake) == ["2024-01", "2024-02", "2024-03", "2024-04"]
    assert lake.read("breadth", {"timeframe": HOUR}).equals(whole(bars, HOUR))


def test_a_month_in_which_nothing_is_known_is_not_made_for_ever(tmp_path: Path) -> None:
    """The history begins with the last hour of a month: no return is known in it, and no row stored."""
    lake = Lake(tmp_path)
    bars = makers.bars(1_000, HOUR, start=datetime(2024, 1, 31, 23, tzinfo=UTC))
    lake.replace_months("bars", bars, {"symbol": "A-USD", "timeframe": HOUR})
    assert made(lake)[0] == "2024-01"
    assert made(lake) == ["2024-03"]
    assert lake.read("breadth", {"timeframe": HOUR}).equals(whole({"A-USD": bars}, HOUR))


def test_a_market_without_a_bar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="breadth of 12h needs the judged bars of a symbol"):
        market_of(Lake(tmp_path), parse(toml(SYMBOLS), {}, "test"), "12h")


def test_features_follow_a_breadth_that_changed_in_an_older_month(tmp_path: Path) -> None:
    """Their own bars are what they were: another symbol moved in January, and January is made again."""
    with dg.DagsterInstance.ephemeral() as instance:
        own = World(tmp_path, instance, toml(SYMBOLS, universe=UNIVERSE.replace("2026-01-04", "2026-03-04")))
        keys = {"symbol": "BTC-USD", "timeframe": HOUR}
        bars = makers.bars(1_000, HOUR, seed=1, start=datetime(2026, 1, 1, tzinfo=UTC))
        own.lake.replace_months("bars", bars, keys)
        half = bars.select("open_time", breadth=pl.lit(0.5))
        moved = pl.when(pl.int_range(pl.len()) == 100).then(1.0).otherwise("breadth")
        for table in (half, half.with_columns(breadth=moved)):
            own.lake.replace_months("breadth", table, {"timeframe": HOUR})
            now = made_now(own.lake, own.settings, keys)
            receipt = own.lake.replace_months("features", now.frame, keys, since=now.stale.since)
            remember(own.lake, keys, now.stale, receipt)
        stored = own.lake.read("features", keys)["market_breadth"]
        assert stored.to_list() == table["breadth"].to_list()


def test_the_road_makes_breadth_of_each_timeframe_that_has_bars_where_it_is_asked_for() -> None:
    sets = ("", 'feature_sets = ["v5"]\n')
    asked, without = (parse(toml(SYMBOLS, universe=UNIVERSE + named), {}, "test") for named in sets)
    both = [Launch("build_breadth", one) for one in ("1m", "1h")]
    assert breadth_launches(asked, ["BTC-USD|1m", "ETH-USD|1m"]) == both[:1]
    assert breadth_launches(asked, ["BTC-USD|1m", "ETH-USD|1h"]) == both
    assert breadth_launches(without, ["BTC-USD|1m"]) == []
