"""The journal: kill -9 anywhere and the end is the same, duplicates change nothing, one writer."""

import os
import socket
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import BadData, MissingData, SessionRefused
from pipelines.trading.decision import Forecast
from pipelines.trading.events import Bar, Decision
from pipelines.trading.frames import decisions_frame, equity_frame, fills_frame
from pipelines.trading.session import SessionConfig, opening_state, step
from pipelines.trading.state import State
from resources.journal import Journal, JournalReader

ROOT = Path(__file__).resolve().parents[2]
CONFIG = SessionConfig("paper", ("BTC-USD", "ETH-USD"), "1m", horizon=3, capital=10_000.0)
MINUTE = 60_000_000


def feed(bars: int = 25) -> list[tuple[Bar, Forecast | None]]:
    """Two symbols, with gaps and bars without a forecast; the same on every call."""
    rng = np.random.default_rng(7)
    made = []
    for minute in range(bars):
        for symbol in CONFIG.symbols:
            price, expected, skip = 100 + rng.normal(), rng.normal(0, 2e-3), rng.random()
            if skip < 0.1:
                continue
            bar = Bar(symbol, minute * MINUTE, round(price * 1e8), round((price + rng.normal()) * 1e8))
            said = Forecast(symbol, bar.open_time, 0.3, 0.4, 0.3, 0.01, expected, "ab" * 32)
            made.append((bar, None if skip > 0.9 else said))
    return made


def trade(path: Path, config: SessionConfig = CONFIG) -> State:
    """Restart from the journal and deliver every bar again."""
    with Journal(path, config) as journal:
        state = journal.restore()
        for bar, forecast in feed():
            state, events = step(state, bar, forecast, config)
            journal.append(events)
        assert journal.restore() == state
        return state


def dump(path: Path) -> list[str]:
    """Every row of every table, as SQL."""
    db = sqlite3.connect(path)
    try:
        return list(db.iterdump())
    finally:
        db.close()


CHILDREN = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {here!r}]
from test_journal import CONFIG, feed, step
from resources.journal import Journal, writer

plain, bars = writer.connect, feed()

def life(path, fatal):
    seen = 0
    def count(statement):
        nonlocal seen
        seen += 1
        if seen == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
    def connect(path):
        db = plain(path)
        db.set_trace_callback(count)
        return db
    writer.connect = connect
    with Journal(path, CONFIG) as journal:
        state = journal.restore()
        for bar, forecast in bars:
            state, events = step(state, bar, forecast, CONFIG)
            journal.append(events)
    return seen

for word in sys.argv[1:]:
    path, _, fatal = word.rpartition("=")
    if (pid := os.fork()) == 0:
        print(life(Path(path), int(fatal)), flush=True)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        print(status, flush=True)
"""


def lives(*planned: tuple[Path, int]) -> list[int]:
    """Processes that trade one after another, each killed -9 about to run SQL statement `fatal` (-1: never).

    For each: -9, or the number of statements it ran to its end.
    """
    script = CHILDREN.format(root=str(ROOT), here=str(Path(__file__).parent))
    words = [f"{path}={fatal}" for path, fatal in planned]
    # Python 3.12 warns of fork beside threads; these children only exec SQL and die.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return [int(line) for line in done.stdout.split()]


def test_kill_9_at_any_statement_and_restart_gives_the_same_journal(tmp_path: Path) -> None:
    """48 kills: each of the first 24 statements (every class of BEGIN, INSERT, COMMIT), then random ones."""
    whole = trade(tmp_path / "whole.sqlite")
    expected = dump(tmp_path / "whole.sqlite")
    [total] = lives((tmp_path / "counted.sqlite", -1))
    assert dump(tmp_path / "counted.sqlite") == expected
    rng = np.random.default_rng(1)
    places = [*range(1, 25), *sorted(rng.choice(np.arange(25, total + 1), 24, replace=False).tolist())]
    planned = [(tmp_path / f"killed-{place}.sqlite", place) for place in places]
    assert lives(*planned) == [-9] * len(planned)
    for path, place in planned:
        assert trade(path) == whole
        assert dump(path) == expected, f"differs after a kill at statement {place} of {total}"


def test_repeated_kills_of_one_journal_still_end_the_same(tmp_path: Path) -> None:
    """The same file killed again and again, each time 60 statements into what is left."""
    trade(tmp_path / "whole.sqlite")
    path = tmp_path / "killed.sqlite"
    assert lives(*[(path, 60)] * 4).count(-9) >= 3
    trade(path)
    assert dump(path) == dump(tmp_path / "whole.sqlite")


def test_what_is_read_is_what_happened(tmp_path: Path) -> None:
    state, events = opening_state(CONFIG), []
    steps = []
    for bar, forecast in feed():
        state, new = step(state, bar, forecast, CONFIG)
        steps.append(new)
        events.extend(new)
    path = tmp_path / "paper.sqlite"
    with Journal(path, CONFIG) as journal:
        assert journal.append_many(steps, chunk=7) == len(steps)
        assert journal.restore() == state
        with JournalReader(path) as reader:  # beside the writer
            assert reader.decisions().equals(decisions_frame(events))
            assert (
                reader.fills()
                .sort("time", "symbol", "leg")
                .equals(fills_frame(events).sort("time", "symbol", "leg"))
            )
            assert reader.equity().equals(equity_frame(events))
            debit, credit = reader.trial_balance()
    assert debit == credit > 0


def test_duplicates_collide_and_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "paper.sqlite"
    trade(path)
    before = dump(path)
    state = opening_state(CONFIG)
    with Journal(path, CONFIG) as journal:
        for bar, forecast in feed():
            state, events = step(state, bar, forecast, CONFIG)
            assert journal.append(events) is False
    assert dump(path) == before


def test_a_second_and_different_decision_of_a_bar_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "paper.sqlite"
    trade(path)
    before = dump(path)
    bar, forecast = feed()[0]
    _, events = step(opening_state(CONFIG), bar._replace(close=bar.close + 1), forecast, CONFIG)
    with Journal(path, CONFIG) as journal, pytest.raises(BadData, match="decided before"):
        journal.append(events)
    assert dump(path) == before


def test_a_step_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """The third event of the step breaks the equity row's NOT NULL; decision and order must be gone too."""
    bar, forecast = feed()[0]
    _, events = step(opening_state(CONFIG), bar, forecast, CONFIG)
    broken = (*events[:-1], events[-1]._replace(cash=None))
    with Journal(tmp_path / "paper.sqlite", CONFIG) as journal:
        with pytest.raises(sqlite3.IntegrityError):
            journal.append(broken)
        assert journal.decisions().is_empty()
        assert journal.append(events) is True
        with pytest.raises(BadData, match="one decision"):
            journal.append([e for e in events if not isinstance(e, Decision)])


def test_a_second_writer_is_refused_naming_pid_and_host(tmp_path: Path) -> None:
    path = tmp_path / "paper.sqlite"
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from pipelines.trading.session import SessionConfig
from resources.journal import Journal
config = SessionConfig("paper", ("BTC-USD", "ETH-USD"), "1m", horizon=3, capital=10_000.0)
Journal(Path({str(path)!r}), config)
"""
    second = [sys.executable, "-c", script]
    with Journal(path, CONFIG):
        refused = subprocess.run(second, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "SessionRefused" in refused.stderr
    assert f"pid {os.getpid()} on host {socket.gethostname()}" in refused.stderr
    assert subprocess.run(second, check=False).returncode == 0  # the lock is gone with its holder


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "paper.sqlite"
    trade(path)
    with pytest.raises(SessionRefused, match="does not match its journal"):
        Journal(path, replace(CONFIG, margin=0.5))
    Journal(path, CONFIG).close()


def test_books_that_do_not_follow_from_their_fills_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "paper.sqlite"
    trade(path)
    db = sqlite3.connect(path)
    db.execute("UPDATE fill SET cash = cash + 1 WHERE time = (SELECT min(time) FROM fill)")
    db.commit()
    db.close()
    with Journal(path, CONFIG) as journal, pytest.raises(SessionRefused, match="do not follow"):
        journal.restore()


def test_model_loads_and_events_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "paper.sqlite"
    with Journal(path, CONFIG) as journal:
        for _ in range(2):
            journal.record_model(5, "timing/seq300", "ab" * 32, 3, True, "adopted")
            journal.record_event(6, "clock", "stepped by 2 s")
    text = "\n".join(dump(path))
    assert text.count("'adopted'") == 1
    assert text.count("'stepped by 2 s'") == 1


def test_there_is_nothing_to_read_before_a_session(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="start the session"):
        JournalReader(tmp_path / "none.sqlite")
