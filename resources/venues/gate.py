"""The queue before a venue and its incidents, shared by every process of this machine. Nothing waits here.

One small JSON file per venue, replaced as a whole under a lock of the operating system. Times in it are wall-clock
seconds since the epoch; beside them stands the machine's monotonic clock, so that a wall clock that was set, either
way, neither shortens a wait nor lengthens it (F23). Who sends, sleeps and speaks is transport.py.
"""

import fcntl
import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from resources.venues.classify import HOUR, Kind, longest

LINES = 5
"""An incident is told in at most so many sentences, however many workers run into it; the last says it is over."""
SEVERITY = (Kind.AGAIN, Kind.LIMITED, Kind.DOWN, Kind.BANNED)
"""Kinds of incidents; a lighter one does not replace a heavier one that still lasts."""
TOLERANCE = 2.0
"""Seconds by which callers may come out of turn; a file written further ahead is from before a step of the clock."""


@dataclass(frozen=True)
class Incident:
    """Why a venue is not asked at the moment, or was not; times in seconds since the epoch."""

    kind: Kind
    reason: str  # continues "the venue ..."
    since: float
    set_at: float
    until: float  # nobody asks before; then whoever comes first tries
    waves: int = 1  # how often asking after `until` met the same
    told: int = 0  # sentences said about it
    longer: bool = False  # the venue asked to be left alone for longer than is obeyed

    @property
    def began(self) -> datetime:
        """When it was first met."""
        return datetime.fromtimestamp(self.since, UTC)

    @property
    def resumes(self) -> datetime:
        """Before this nobody asks."""
        return datetime.fromtimestamp(self.until, UTC)


@dataclass(frozen=True)
class Turn:
    """When to ask, or why not to."""

    wait: float  # seconds until the slot, or until the incident's end
    incident: Incident | None = None  # with one, no slot was taken
    probing: bool = False  # the one caller who finds out whether an incident is over


@dataclass(frozen=True)
class _State:
    next_slot: float = 0.0
    failures: int = 0
    incident: Incident | None = None
    written: float = 0.0  # when, by the wall clock of then
    tick: float = 0.0  # and by the monotonic clock, which all processes share until the machine starts anew


class Gate:
    """The queue of one venue; cheap to open, safe to share between threads and processes."""

    def __init__(self, folder: Path, venue: str, monotonic: Callable[[], float] | None = None) -> None:
        """`folder`: where the venue's file lives, made when it is not there.

        `monotonic`: seconds that only rise; without it only a clock that was set back is noticed.
        """
        self._monotonic = monotonic
        folder.mkdir(parents=True, exist_ok=True)
        self._file, self._part, self._lock = (folder / f"{venue}.{end}" for end in ("json", "part", "lock"))

    def take(self, now: datetime, spacing: float, probe: float) -> "Turn":
        """A slot for this caller, or the incident that forbids one.

        Slots are `spacing` seconds apart, so that no window of time ever holds more than its share. Once an
        incident's time is up one caller tries, and for the others it lasts `probe` seconds longer.
        """
        moment = now.timestamp()
        with self._changing(moment) as box:
            state, probing = box[0], False
            if (found := state.incident) is not None:
                if moment < found.until:
                    return Turn(found.until - moment, found)
                if found.kind in (Kind.DOWN, Kind.BANNED):
                    state = replace(state, incident=replace(found, until=moment + probe, set_at=moment))
                    probing = True
            slot = max(state.next_slot, moment)
            box[0] = replace(state, next_slot=slot + spacing)
            return Turn(slot - moment, probing=probing)

    def incident(self, now: datetime) -> Incident | None:
        """The incident that forbids asking now."""
        found = self._read(now.timestamp(), self._tick()).incident
        return found if found is not None and now.timestamp() < found.until else None

    def block(
        self, now: datetime, sent_at: datetime, kind: Kind, reason: str, wait: float, longer: bool = False
    ) -> Incident:
        """Nobody asks for `wait` seconds (0: others may); AGAIN, LIMITED, DOWN or BANNED; `longer`: see Incident.

        A request that was sent before an incident belongs to its first wave: workers side by side make one.
        """
        moment = now.timestamp()
        with self._changing(moment) as box:
            state = box[0]
            old, until = state.incident, moment + wait
            if old is None:
                new = Incident(kind, reason, moment, moment, until, longer=longer)
            elif moment < old.until and SEVERITY.index(kind) < SEVERITY.index(old.kind):
                return old
            elif kind == old.kind and sent_at.timestamp() < old.set_at:
                new = replace(old, until=max(old.until, until), longer=old.longer or longer)
            else:
                waves = old.waves + 1 if kind == old.kind else 1
                new = replace(
                    old, kind=kind, reason=reason, set_at=moment, until=until, waves=waves, longer=longer
                )
            box[0] = replace(state, incident=new, next_slot=max(state.next_slot, new.until))
            return new

    def failed(self, now: datetime) -> int:
        """Count a request without an answer; how many there were in a row, of all processes."""
        with self._changing(now.timestamp()) as box:
            box[0] = replace(box[0], failures=box[0].failures + 1)
            return box[0].failures

    def may_tell(self, now: datetime, last: bool = False) -> bool:
        """Whether one more sentence may be said about the incident; the fifth is kept for its end (`last`)."""
        with self._changing(now.timestamp()) as box:
            found = box[0].incident
            if found is None or found.told >= LINES - (not last):
                return False
            box[0] = replace(box[0], incident=replace(found, told=found.told + 1))
            return True

    def over(self, now: datetime, sent_at: datetime) -> Incident | None:
        """A request was answered: failures are forgotten, and the incident too, if it was sent after its time."""
        state = self._read(now.timestamp(), self._tick())
        if not state.failures and state.incident is None:
            return None
        with self._changing(now.timestamp()) as box:
            found = box[0].incident
            ended = found is not None and sent_at.timestamp() >= found.set_at
            box[0] = replace(box[0], failures=0, incident=None if ended else found)
            return found if ended else None

    @contextmanager
    def _changing(self, moment: float) -> Iterator[list[_State]]:
        tick = self._tick()  # before the lock is waited for, like the moment
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = self._read(moment, tick)
            box = [before]
            yield box
            if box[0] != before:
                self._write(replace(box[0], written=moment, tick=tick or 0.0))
        finally:
            os.close(descriptor)

    def _tick(self) -> float | None:
        return self._monotonic() if self._monotonic else None

    def _read(self, moment: float, tick: float | None) -> _State:
        try:
            kept = json.loads(self._file.read_bytes())
            slot, *at = (_finite(kept[name]) for name in ("next_slot", "written", "tick"))
            state = _State(slot, int(kept["failures"]), kept["incident"] and _incident(kept["incident"]), *at)
        except FileNotFoundError:
            return _State()
        except (ValueError, KeyError, TypeError):
            return _State()  # a file that lost its content with the power says nothing: start afresh
        return _bounded(_after_clock_step(state, moment, tick), moment)

    def _write(self, state: _State) -> None:
        self._part.write_text(json.dumps(asdict(state)), encoding="utf-8")
        self._part.replace(self._file)


def _incident(kept: dict[str, Any]) -> Incident:
    times = {name: _finite(kept[name]) for name in ("since", "set_at", "until")}
    return Incident(**{**kept, **times, "kind": Kind(kept["kind"])})


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("no moment is infinite")
    return number


def _bounded(state: _State, moment: float) -> _State:
    """The state with no wait that is longer than is obeyed, whatever an older version wrote."""
    found = state.incident
    if found is None:
        return replace(state, next_slot=min(state.next_slot, moment + HOUR))
    until = min(found.set_at, moment) + longest(found.kind)
    if found.until <= until:
        return state
    return replace(
        state, incident=replace(found, until=until, longer=True), next_slot=min(state.next_slot, until)
    )


def _after_clock_step(state: _State, moment: float, tick: float | None) -> _State:
    """The state as it would be if the wall clock had never been set."""
    elapsed = tick - state.tick if tick and state.tick and tick >= state.tick else None
    step = moment - state.written - elapsed if elapsed is not None else min(moment - state.written, 0.0)
    if abs(step) <= TOLERANCE or not state.written:
        return state
    found = state.incident
    if found is not None:
        found = replace(found, set_at=found.set_at + step, until=found.until + step, since=found.since + step)
    return replace(state, incident=found, next_slot=state.next_slot + step, written=state.written + step)
