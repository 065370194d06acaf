"""The paper session over time: the same books after a kill, late bars and a lagging symbol."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import polars as pl
import pytest

from assets.obedience import obey
from assets.paper import config_of, trade
from pipelines.market.timeframes import length_of
from pipelines.trading.lateness import is_late
from resources.clock import Clock
from resources.journal import Journal
from resources.progress import LogProgress
from tests.assets.paper_books import books, served, session
from tests.assets.world import World
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
    """A clock that stands still."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


def following(world: World, path: Path, clock: Clock) -> pl.DataFrame:
    """Decisions of the session with mode = follow at a time."""
    terms = world.settings.session("main").model_copy(update={"mode": "follow"})
    obeyed, _ = obey(world.registry, terms)
    config = config_of(terms, obeyed, world.settings)
    with Journal(path, config) as journal:
        trade(journal, config, terms, world.lake, obeyed, clock, LogProgress())
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
