"""The paper session over time: the same books after a kill, late bars, a lagging symbol, bars that are waited for."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import dagster as dg
import polars as pl
import pytest

from assets.obedience import obey
from assets.paper import config_of, trade
from assets.paper_wait import await_bar
from pipelines.market.schemas import BARS
from pipelines.market.timeframes import length_of
from pipelines.trading.lateness import is_late
from pipelines.trading.session import SessionConfig
from resources.clock import Clock
from resources.journal import Journal
from resources.progress import LogProgress
from tests.assets.paper_books import books, served, session
from tests.assets.world import World, metadata, toml
from tests.assets.zoo import Zoo

T = TypeVar("T")


class Killed(Exception):
    """The process ends here."""


class Axe:
    """A progress that kills after some days."""

    def __init__(self, days: int) -> None:
        self.days = days

    def track(self, items: Sequence[T], what: str) -> Iterator[T]:
        for done, item in enumerate(items):
            if done == self.days:
                raise Killed
            yield item

    def tell(self, what: str, share: float) -> None:
        raise AssertionError("a session tells nothing by share")


def test_killed_and_resumed_keeps_the_books_of_an_uninterrupted_run(promoted: World, tmp_path: Path) -> None:
    session(promoted, tmp_path / "whole.db")
    whole = books(tmp_path / "whole.db")
    for days in (1, 3, 2):
        with pytest.raises(Killed):
            session(promoted, tmp_path / "killed.db", Axe(days))
    left = books(tmp_path / "killed.db")["decisions"].height
    assert 0 < left < whole["decisions"].height
    assert session(promoted, tmp_path / "killed.db") == whole["decisions"].height - left
    assert all(frame.equals(whole[name]) for name, frame in books(tmp_path / "killed.db").items())


def test_bars_that_come_in_the_middle_of_a_day_give_the_books_of_bars_that_came_at_once(
    world: World, zoo: Zoo, tmp_path: Path
) -> None:
    """Two halves that meet at 13:00: features, forecasts and fills across the seam agree to the last bit."""
    zoo.promote(world)
    middle = (zoo.trained_until + timedelta(days=5)).replace(hour=13)
    zoo.record_bars(world, until=middle)
    first = session(world, tmp_path / "halves.db")
    zoo.record_bars(world)
    second = session(world, tmp_path / "halves.db")
    session(world, tmp_path / "whole.db")
    whole = books(tmp_path / "whole.db")
    assert first > 0
    assert first + second == whole["decisions"].height
    assert all(frame.equals(whole[name]) for name, frame in books(tmp_path / "halves.db").items())


def test_a_symbol_that_lags_is_caught_up_and_the_other_is_not_decided_again(
    two: World, zoo: Zoo, second_zoo: Zoo, tmp_path: Path
) -> None:
    """ETH's bars end two days before BTC's; then both are complete. Each bar of each symbol has one decision."""
    for each in (zoo, second_zoo):
        each.promote(two)
        each.record_bars(two)
    session(two, tmp_path / "whole.db")
    whole = books(tmp_path / "whole.db")
    second_zoo.record_bars(two, until=second_zoo.bars["open_time"][-48])
    first = session(two, tmp_path / "lagging.db")
    second_zoo.record_bars(two)
    second = session(two, tmp_path / "lagging.db")
    assert first + second == whole["decisions"].height == 2 * served(zoo).height
    assert session(two, tmp_path / "lagging.db") == 0
    assert all(frame.equals(whole[name]) for name, frame in books(tmp_path / "lagging.db").items())


class At(Clock):
    """A clock that moves only when somebody waits, and what comes in meanwhile, by time."""

    def __init__(self, moment: datetime, arrivals: dict[datetime, Callable[[], None]] | None = None) -> None:
        self.moment = moment
        self.arrivals = arrivals or {}
        self.slept = 0.0

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.moment += timedelta(seconds=seconds)
        for due in [moment for moment in self.arrivals if moment <= self.moment]:
            self.arrivals.pop(due)()


def following(world: World, path: Path, clock: Clock) -> pl.DataFrame:
    """Decisions of the session with mode = follow at a time."""
    terms = world.settings.session("main").model_copy(update={"mode": "follow"})
    obeyed, _ = obey(world.registry, terms)
    config = config_of(terms, obeyed, world.settings)
    with Journal(path, config) as journal:
        settings = world.settings.model_copy(update={"sessions": (terms,)})
        trade(journal, config, settings, world.lake, obeyed, clock, LogProgress())
    return books(path)["decisions"]


def test_a_following_session_catches_up_on_missed_bars_and_enters_on_none_of_them(
    world: World, zoo: Zoo, tmp_path: Path
) -> None:
    """Four days are missed; only the last bar is still fresh. A replay of the same bars enters on many."""
    zoo.promote(world)
    until = zoo.trained_until + timedelta(days=4)
    zoo.record_bars(world, until=until)
    decided = following(world, tmp_path / "follow.db", At(until + timedelta(minutes=1)))
    assert decided.height == 96
    assert decided["late"].to_list() == [True] * 95 + [False]
    missed = set(decided.filter(pl.col("late"))["action"])
    assert missed == {"stay flat"}
    assert "stale bar" in set(decided["reason"])
    assert books(tmp_path / "follow.db")["fills"].is_empty()
    session(world, tmp_path / "replay.db")
    assert not books(tmp_path / "replay.db")["fills"].is_empty()


@pytest.mark.parametrize(("timeframe", "limit"), [("1m", timedelta(seconds=6)), ("1h", timedelta(minutes=6))])
def test_a_bar_is_late_a_tenth_of_its_length_after_it_is_usable(timeframe: str, limit: timedelta) -> None:
    """Usable 3 s after its close; late from more than max(10 %, 5 s) after that: 6 s for minutes, 6 min for hours."""
    opened, length = datetime(2026, 3, 1, tzinfo=UTC), length_of(timeframe)
    last_moment = opened + length + timedelta(seconds=3) + limit
    assert not is_late(opened, length, last_moment)
    assert is_late(opened, length, last_moment + timedelta(microseconds=1))


SECOND = timedelta(seconds=1)


def test_a_following_session_waits_for_the_bar_that_is_due_and_enters_on_it(
    world: World, zoo: Zoo, tmp_path: Path
) -> None:
    """It begins on the hour; the bar of that hour comes into the lake 20 s later."""
    zoo.promote(world)
    hour = zoo.trained_until + timedelta(days=4)
    zoo.record_bars(world, until=hour - timedelta(hours=1))
    clock = At(hour, {hour + 20 * SECOND: lambda: zoo.record_bars(world, until=hour)})
    decided = following(world, tmp_path / "follow.db", clock)
    assert clock.slept == 20.0
    assert decided["open_time"][-1] == hour - timedelta(hours=1)
    assert decided["late"].to_list() == [True] * 95 + [False]
    assert decided["action"][-1] in {"enter long", "enter short"}


def test_a_bar_that_is_there_before_it_is_usable_is_decided_when_it_is(
    world: World, zoo: Zoo, tmp_path: Path
) -> None:
    zoo.promote(world)
    hour = zoo.trained_until + timedelta(days=4)
    zoo.record_bars(world)  # a lake that knows the future: what is not closed is not decided
    clock = At(hour)
    decided = following(world, tmp_path / "follow.db", clock)
    assert clock.slept == 3.0
    assert decided["open_time"][-1] == hour - timedelta(hours=1)
    assert decided["action"][-1] in {"enter long", "enter short"}


def test_the_symbol_whose_bar_came_is_not_kept_waiting_for_the_other(
    two: World, zoo: Zoo, second_zoo: Zoo, tmp_path: Path
) -> None:
    """BTC's bar is in at 20 s, ETH's at 50 s: both are decided in one run, neither late."""
    hour = zoo.trained_until + timedelta(days=4)
    for each in (zoo, second_zoo):
        each.promote(two)
        each.record_bars(two, until=hour - timedelta(hours=1))
    seen: list[int] = []

    def second_comes() -> None:
        seen.append(books(tmp_path / "follow.db")["decisions"].height)
        second_zoo.record_bars(two, until=hour)

    arrivals = {
        hour + 20 * SECOND: lambda: zoo.record_bars(two, until=hour),
        hour + 50 * SECOND: second_comes,
    }
    decided = following(two, tmp_path / "follow.db", At(hour, arrivals))
    assert (seen, decided.height) == ([2 * 95 + 1], 2 * 96)
    assert decided["late"].to_list()[-2:] == [False, False]


@pytest.mark.parametrize(("after", "slept"), [(0, 60.0), (6 * 60, 3.0), (6 * 60 + 4, 0.0), (1800, 0.0)])
def test_a_bar_that_does_not_come_is_waited_for_until_the_next_tick_or_its_deadline(
    world: World, zoo: Zoo, instance: dg.DagsterInstance, after: int, slept: float
) -> None:
    """An hour's bar may be entered on until 6 min 3 s after its close; a tick comes every minute."""
    zoo.promote(world)
    hour = zoo.trained_until + timedelta(days=4)
    zoo.record_bars(world, until=hour - timedelta(hours=1))
    text = toml().replace('name = "main"', 'name = "main"\nmode = "follow"')
    follows = World(world.root, instance, text)
    clock, defs = At(hour + after * SECOND), follows.paper
    follows.paper = dg.Definitions(defs.assets, jobs=defs.jobs, resources={**defs.resources, "clock": clock})
    said = metadata(follows.run("trade_on_paper", "main"), "paper_session")
    assert (said["status"], said["new_bars"]) == ("trading", 95)  # what was missed
    assert clock.slept == pytest.approx(slept, abs=0.5)
    again = metadata(follows.run("trade_on_paper", "main"), "paper_session")
    assert (again["status"], again["new_bars"]) == ("no new bar", 0)


MINUTE = datetime(2026, 3, 1, 12, tzinfo=UTC)


def minute_bars(world: World, last: datetime) -> None:
    """Two bars of 1m, the later one opening at `last`."""
    flat = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)
    rows = [{"open_time": moment, **flat} for moment in (last - timedelta(minutes=1), last)]
    empty = pl.DataFrame(schema=BARS)
    frame = pl.concat([empty, pl.DataFrame(rows)], how="diagonal_relaxed").select(empty.columns).cast(BARS)
    world.lake.replace_months("bars", frame, {"symbol": "BTC-USD", "timeframe": "1m"})


@pytest.mark.parametrize(
    ("begins", "comes", "found", "slept"),
    [
        (0, 5, True, 5.0),  # usable at 3 s, in the lake at 5 s
        (0, 1, True, 3.0),  # in the lake before it is usable
        (2, 9, True, 7.0),  # the last moment
        (0, None, False, 9.5),
        (30, None, False, 0.0),  # too late to enter on: nothing is due
    ],
)
def test_a_minute_is_waited_for_from_its_close_to_nine_seconds_after_it(
    world: World, begins: int, comes: int | None, found: bool, slept: float
) -> None:
    due = MINUTE - timedelta(minutes=1)
    minute_bars(world, due - timedelta(minutes=1))
    arrivals = {} if comes is None else {MINUTE + comes * SECOND: lambda: minute_bars(world, due)}
    clock = At(MINUTE + begins * SECOND, arrivals)
    config = SessionConfig("main", ("BTC-USD",), "1m", 10)
    assert await_bar(world.lake, config, {"BTC-USD": due}, {}, clock) is found
    assert clock.slept == slept
    decided = At(MINUTE)
    assert not await_bar(world.lake, config, {"BTC-USD": MINUTE}, {}, decided)
    assert decided.slept == 0.0


def test_a_wall_clock_that_goes_back_does_not_keep_a_run_for_ever(world: World) -> None:
    class Stuck(At):
        def sleep(self, seconds: float) -> None:
            self.slept += seconds

    clock = Stuck(MINUTE)
    config = SessionConfig("main", ("BTC-USD",), "1m", 10)
    assert not await_bar(world.lake, config, {"BTC-USD": MINUTE - timedelta(minutes=1)}, {}, clock)
    assert clock.slept <= 10.0
