"""The paper session: one decision a bar, the same books after a kill, and no order without a sound pointer."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import polars as pl
import pytest

from assets.paper import config_of, obey, trade
from resources.clock import Clock
from resources.journal import Journal, JournalReader
from resources.progress import LogProgress
from tests.assets.world import World, metadata, why
from tests.assets.zoo import SLOT, Zoo

T = TypeVar("T")


@pytest.fixture
def promoted(world: World, zoo: Zoo) -> World:
    zoo.promote(world)
    zoo.record_bars(world)
    return world


def journal_of(world: World) -> Path:
    return world.root / world.settings.paths.artifacts / "journals" / "main.db"


def books(path: Path) -> dict[str, pl.DataFrame]:
    with JournalReader(path) as journal:
        return {"decisions": journal.decisions(), "fills": journal.fills(), "equity": journal.equity()}


def test_every_bar_after_the_training_is_decided_exactly_once(promoted: World, zoo: Zoo) -> None:
    result = promoted.run("trade_on_paper", "main")
    assert result.success
    said = metadata(result, "paper_session")
    served = zoo.bars.filter(pl.col("open_time") >= zoo.trained_until)
    assert said["status"] == "trading"
    assert said["decisions"] == said["new_bars"] == said["bars"] == served.height > 200
    assert said["fills"] > 5  # free trading on a planted edge: a session without a trade would prove nothing
    assert said["ledger_balances"] is True
    kept = books(journal_of(promoted))
    assert kept["decisions"]["open_time"].equals(served["open_time"])
    assert kept["decisions"]["bundle"].unique().to_list() == [zoo.sha256]
    with JournalReader(journal_of(promoted)) as journal:
        debit, credit = journal.trial_balance()
    assert debit == credit > 0


def test_a_second_run_decides_nothing_and_changes_nothing(promoted: World) -> None:
    assert promoted.run("trade_on_paper", "main").success
    before = books(journal_of(promoted))
    said = metadata(promoted.run("trade_on_paper", "main"), "paper_session")
    assert said["new_bars"] == 0
    assert all(frame.equals(before[name]) for name, frame in books(journal_of(promoted)).items())


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


def session(world: World, path: Path, progress: LogProgress | Axe | None = None) -> int:
    """What the asset does, with a journal and a progress of the test's choice."""
    terms = world.settings.session("main")
    obeyed, _ = obey(world.registry, terms)
    config = config_of(terms, obeyed, world.settings)
    with Journal(path, config) as journal:
        return trade(journal, config, terms, world.lake, obeyed, Clock(), progress or LogProgress())


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


def test_without_a_pointer_there_is_no_order_and_the_reason_says_so(world: World, zoo: Zoo) -> None:
    zoo.keep(world)  # trained, never promoted
    zoo.record_bars(world)
    result = world.run("trade_on_paper", "main")
    assert result.success
    said = metadata(result, "paper_session")
    assert said["status"] == "no order"
    assert said["reasons"] == {"BTC-USD": f"no pointer at {SLOT}: nothing was promoted, so nothing is traded"}
    assert not journal_of(world).exists()


def test_a_bundle_that_was_tampered_with_gives_no_order(promoted: World, zoo: Zoo) -> None:
    """One digit in the weights; the run before it had decided bars, the run after it decides none."""
    assert promoted.run("trade_on_paper", "main").success
    before = books(journal_of(promoted))
    weights = promoted.registry.root / "bundles" / zoo.sha256 / "model.txt"
    content = weights.read_bytes()
    weights.write_bytes(content.replace(b"leaf_value=", b"leaf_value=1", 1))
    said = metadata(promoted.run("trade_on_paper", "main"), "paper_session")
    assert said["status"] == "no order"
    assert f"bundle {zoo.sha256} is damaged" in said["reasons"]["BTC-USD"]
    assert "model.txt" in said["reasons"]["BTC-USD"]
    assert all(frame.equals(before[name]) for name, frame in books(journal_of(promoted)).items())


def test_a_pointer_to_a_bundle_of_another_timeframe_is_not_obeyed(world: World, zoo: Zoo) -> None:
    zoo.promote(world)
    minutes = world.settings.session("main").model_copy(update={"timeframe": "1m"})
    world.registry.promote("boosted_trees/BTC-USD/1m", world.registry.read(SLOT).pointer)
    obeyed, reasons = obey(world.registry, minutes)
    assert obeyed == {}
    assert "timeframe must be 1m, found 1h" in reasons["BTC-USD"]


def test_without_bars_a_promoted_session_decides_nothing(world: World, zoo: Zoo) -> None:
    zoo.promote(world)
    result = world.run("trade_on_paper", "main")
    assert result.success, why(result)
    assert metadata(result, "paper_session")["decisions"] == 0
