"""What the end of the road says of a paper session: what its run of this road said, never what an old journal holds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipelines.errors import MissingData
from pipelines.trading.run import FORECAST_COLUMNS, replay
from pipelines.trading.session import SessionConfig, opening_state
from resources.journal import Journal
from resources.progress import TerminalProgress
from schedules.launches import Launch
from schedules.road import Road, paper_results
from schedules.summary import last_said, session_lines, session_result
from tests.assets.world import World

START = datetime(2026, 1, 1, tzinfo=UTC)
NO_POINTER = "no pointer at boosted_trees/BTC-USD/1h: nothing was promoted, so nothing is traded"
PAPER = Launch("trade_on_paper", "main")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(tmp_path, instance)


def old_journal(world: World, capital: float) -> None:
    """Thirty hours that an earlier run decided, on terms with that capital."""
    opens = [START + timedelta(hours=hour) for hour in range(30)]
    bars = pl.DataFrame({"open_time": opens, "open": 100.0, "close": 100.0})
    nothing = pl.DataFrame(
        schema={"open_time": bars.schema["open_time"], **dict.fromkeys(FORECAST_COLUMNS, pl.Float64)}
    )
    settings = world.settings
    config = SessionConfig("main", ("BTC-USD",), "1h", 12, capital=capital, costs=settings.costs)
    steps = replay(opening_state(config), bars, nothing, config)
    with Journal(Path(settings.paths.artifacts) / "journals" / "main.db", config) as journal:
        assert journal.append_many(events for _, events in steps) == 30


def told(world: World) -> list[str]:
    """The lines about the session after a road that ran only it."""
    road = Road(world.settings, world.instance, TerminalProgress())
    road.stage("paper sessions", [PAPER], road.paper)
    return session_lines(session_result(world.settings, "main", paper_results(road)["main"]))


def test_nothing_promoted_is_said_by_the_run_and_for_each_symbol(world: World) -> None:
    assert told(world) == ["paper session main: no order", f"    BTC-USD: {NO_POINTER}"]


def test_an_old_journal_is_not_told_as_this_runs_trading(world: World) -> None:
    old_journal(world, world.settings.session("main").capital)
    assert told(world) == [
        "paper session main: no entry; 0 new bars, in its journal 30 decisions, 0 fills, "
        "equity 100,000.00 of 100,000.00 (+0.00%)",
        f"    BTC-USD: {NO_POINTER}",
    ]


def test_a_run_that_failed_says_why_though_an_older_one_succeeded(world: World) -> None:
    """The first run has no journal and is green; then a journal on other terms stands in the way of the second."""
    assert world.run("trade_on_paper", "main").success
    old_journal(world, 5.0)
    [line] = told(world)
    assert line.startswith("paper session main: failed: session 'main' does not match its journal")
    assert "no order" not in line


def test_a_session_without_any_bar_has_a_status_and_no_figures(world: World) -> None:
    config = SessionConfig("main", ("BTC-USD",), "1h", 12, costs=world.settings.costs)
    Journal(Path(world.settings.paths.artifacts) / "journals" / "main.db", config).close()
    assert told(world)[0] == "paper session main: no entry"


def test_a_session_that_was_never_run_has_said_nothing(world: World) -> None:
    with pytest.raises(MissingData, match="paper session main was never run"):
        last_said(world.instance, "main")
