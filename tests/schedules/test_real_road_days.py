"""Days of tick files: one run per unbroken range, trades without a book, and no green day that the source has not."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.clock import Clock
from resources.sources.opening import open_source
from schedules.launches import Launch, tick_launches, unbroken
from tests.assets.world import World, materialised, toml, why

MARKET = "synthetic.BTC-USD"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
BOOK = "exchange,symbol,timestamp,local_timestamp," + ",".join(
    f"{side}[{level}].{what}"
    for level in range(5)
    for side in ("asks", "bids")
    for what in ("price", "amount")
)
TICKS = f"""
[source]
kind = "files"
[[source.files]]
glob = "{{folder}}/trades_*.csv"
kind = "tardis_trades"
market = "{MARKET}"
"""
BOOKS = f"""
[[source.files]]
glob = "{{folder}}/book_*.csv"
kind = "tardis_book_snapshot_5"
market = "{MARKET}"
"""


def key(day: int) -> str:
    return f"2026-01-0{day}|{MARKET}"


def moments(day: int) -> list[int]:
    """Two hundred instants of a day, half a minute apart, in microseconds."""
    start = datetime(2026, 1, day, 12, tzinfo=UTC)
    return [int((start + timedelta(seconds=30 * i)).timestamp()) * 1_000_000 for i in range(200)]


def trades_file(folder: Path, day: int, header: str = TRADES) -> None:
    lines = [
        f"synthetic,BTC-USD,{at},{at + 100_000},{i},{'buy' if i % 3 else 'sell'},{50_000 + i % 5},0.{1 + i % 7}"
        for i, at in enumerate(moments(day))
    ]
    (folder / f"trades_2026-01-0{day}.csv").write_text("\n".join([header, *lines, ""]))


def book_file(folder: Path, day: int) -> None:
    lines = []
    for at in moments(day):
        levels = ",".join(f"{50_001 + level},1,{49_999 - level},1" for level in range(5))
        lines.append(f"synthetic,BTC-USD,{at},{at + 100_000},{levels}")
    (folder / f"book_2026-01-0{day}.csv").write_text("\n".join([BOOK, *lines, ""]))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def world_of(folder: Path, instance: dg.DagsterInstance, source: str) -> World:
    return World(folder, instance, toml(source=source.format(folder=folder)))


def launched(world: World) -> list[Launch]:
    return tick_launches(world.settings, open_source(world.settings, Clock(), world.root))


@given(days=st.sets(st.integers(0, 30)), books=st.sets(st.integers(0, 30)))
def test_runs_of_days_cover_every_day_once_and_are_as_long_as_they_can_be(
    days: set[int], books: set[int]
) -> None:
    first = date(2026, 1, 1)
    asked = [first + timedelta(days=n) for n in sorted(days)]
    with_book = {first + timedelta(days=n) for n in books}
    runs = unbroken(asked, with_book)
    assert [day for run in runs for day in run] == asked
    for run in runs:
        assert (run[-1] - run[0]).days == len(run) - 1
        assert len({day in with_book for day in run}) == 1
    for one, two in pairwise(runs):
        assert (two[0] - one[-1]).days > 1 or (two[0] in with_book) != (one[0] in with_book)


def test_two_days_with_a_hole_between_are_two_runs_and_both_succeed(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    for day in (1, 3):
        trades_file(tmp_path, day)
        book_file(tmp_path, day)
    world = world_of(tmp_path, instance, TICKS + BOOKS)
    launches = launched(world)
    assert launches == [Launch("ingest_ticks", key(day), key(day)) for day in (1, 3)]
    for launch in launches:
        assert world.run(launch.job, launch.partition, launch.until).success
    asked = world.run("ingest_ticks", key(1), key(3))
    assert not asked.success
    assert materialised(asked) == set()
    said = f"MissingData: {MARKET}: no trades on 1 of 3 asked days, 2026-01-02 to 2026-01-02: expected every asked day"
    assert said in why(asked)
    assert "the source has 2 days, 2026-01-01 to 2026-01-03" in why(asked)


def test_a_range_with_a_hole_writes_nothing_and_turns_no_day_green(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    for day in (1, 3):
        trades_file(tmp_path, day)
        book_file(tmp_path, day)
    world = world_of(tmp_path, instance, TICKS + BOOKS)
    result = world.run("ingest_ticks", key(1), key(3))
    assert not result.success
    assert materialised(result) == set()
    assert not (world.root / "world" / "lake").exists()


def test_minute_bars_of_a_day_without_stored_ticks_are_refused(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    trades_file(tmp_path, 1)
    world = world_of(tmp_path, instance, TICKS)
    assert world.run("ingest_trades", key(1)).success
    before = world.versions()
    minute_bars = [a for a in world.research.assets or () if a.key == dg.AssetKey("minute_bars")]
    result = dg.materialize(
        minute_bars,
        partition_key=key(2),
        resources=world.research.resources,
        instance=instance,
        raise_on_error=False,
    )
    assert "no stored trades and no order book on 1 of 1 asked days, 2026-01-02 to 2026-01-02" in why(result)
    assert materialised(result) == set()
    assert world.versions() == before


def test_trades_without_a_book_are_launched_without_it_and_make_minute_bars(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """Two days, the first with a book: each is one run of what is there, and no order book turns green in vain."""
    for day in (1, 2):
        trades_file(tmp_path, day)
    book_file(tmp_path, 1)
    world = world_of(tmp_path, instance, TICKS + BOOKS)
    launches = launched(world)
    assert launches == [Launch("ingest_ticks", key(1), key(1)), Launch("ingest_trades", key(2), key(2))]
    made = [materialised(world.run(launch.job, launch.partition, launch.until)) for launch in launches]
    assert made == [{"trades", "order_book", "minute_bars"}, {"trades", "minute_bars"}]
    minutes = world.lake.read("minute_bars", {"market": MARKET})
    assert minutes.height == 200
    known = minutes["bid_ask_spread"].is_not_null()
    assert known[1:100].all()
    assert not known[100:].any()
    asked = world.run("ingest_ticks", key(2))
    assert "no order book on 1 of 1 asked days, 2026-01-02 to 2026-01-02" in why(asked)
    assert "order_book" not in materialised(asked)


def test_a_swapped_trades_file_is_reported_as_itself_before_a_book_is_read(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    trades_file(tmp_path, 1, TRADES.replace("price,amount", "amount,price"))
    book_file(tmp_path, 1)
    world = world_of(tmp_path, instance, TICKS + BOOKS)
    (launch,) = launched(world)
    job = world.research.resolve_job_def(launch.job)
    with pytest.raises(Exception, match=r"trades_2026-01-01\.csv"):
        job.execute_in_process(instance=instance, tags=launch.tags, raise_on_error=True)
    assert not [path for path in (world.root / "world").rglob("*") if path.is_file()]
