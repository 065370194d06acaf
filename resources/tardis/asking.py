"""Asking the archive until it answers, or until asking again is no use; and saying so in sentences without a key.

The queue that all processes share is venues/gate.py, what an answer means is venues/classify.py.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from pipelines.errors import BadAnswer, RateLimited, VenueDown, VenueError, VenueRefused
from resources.clock import Clock
from resources.tardis.watch import EngineFailed, run
from resources.venues.classify import REMEDIES, Kind, Verdict, classify
from resources.venues.gate import Gate, Incident
from resources.venues.redact import redact
from resources.venues.sentences import until
from resources.venues.wire import Answer

T = TypeVar("T")
NAME = "tardis"
TRIES = 5
SPACING = 0.02
"""Seconds between two questions."""
PROBE = 120.0
"""Seconds that one caller has for finding out whether an outage is over."""
BACKOFF, LONGEST_BACKOFF = 1.0, 60.0
UNTOLD_WAIT = 61.0
"""Seconds to wait when the archive limits us and the engine does not pass on for how long (tardis-client)."""
LONGEST_WAIT = 900.0
MAINTENANCE, BAN = 60.0, 900.0
KEY_REMEDY = "set TARDIS_API_KEY to a valid key: without one only the first day of each month is served"
ASK_AGAIN = "nothing of it was kept, run the same command again later"


class NotThere(Exception):
    """The archive has no such thing (404); what that means depends on what was asked."""


class Asking:
    """One archive, asked by this process; others share the gate."""

    def __init__(
        self,
        gate: Gate,
        clock: Clock,
        tell: Callable[[str], None],
        key: str | None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`key` is only what must never be said; `jitter` draws from [0, 1)."""
        self.gate, self.clock, self.tell, self._jitter = gate, clock, tell, jitter
        self._secrets = (key,) if key else ()
        self._told: tuple[float, float] | None = None

    def ask(self, call: Callable[[], Awaitable[T]], what: str, check: Callable[[T], str] = lambda _: "") -> T:
        """The engine's answer, tried up to TRIES times; `check` says what is damaged about it, "" when it is whole.

        Raises NotThere for 404, VenueRefused, RateLimited, VenueDown or BadAnswer. Nobody asks while the archive
        wants to be left alone.
        """
        for attempt in range(1, TRIES + 1):
            self._wait_for_turn()
            sent_at = self.clock.now()
            try:
                answer = run(call, self.clock)
            except EngineFailed as failed:
                outcome = failed.outcome
                if isinstance(outcome, Answer) and outcome.status == 404:
                    raise NotThere(what) from None
                self._handle(classify(outcome, False), sent_at, attempt, what)
                continue
            self._answered(sent_at)
            damage = check(answer)
            if not damage:
                return answer
            self._again(Verdict(Kind.DAMAGED, damage), sent_at, attempt, what)
        raise AssertionError("unreachable: the last attempt raises")

    def _wait_for_turn(self) -> None:
        while True:
            turn = self.gate.take(self.clock.now(), SPACING, PROBE)
            if turn.incident is not None:
                self._refuse_long(turn.incident)
                self._say(turn.incident, self._limited(turn.incident))
            if turn.wait > 0:
                self.clock.sleep(turn.wait)
            if turn.incident is None:
                return

    def _refuse_long(self, incident: Incident) -> None:
        if incident.kind is Kind.BANNED:
            raise VenueRefused(f"{self._rest(incident)}; run the same command again then.")
        if incident.kind is Kind.DOWN:
            raise VenueDown(f"{self._rest(incident)}; run the same command again then.")
        if (incident.resumes - self.clock.now()).total_seconds() > LONGEST_WAIT:
            raise RateLimited(
                f"{self._limited(incident)}; that is longer than the {LONGEST_WAIT / 60:g} minutes we wait: run the "
                "same command again then."
            )

    def _handle(self, verdict: Verdict, sent_at: datetime, attempt: int, what: str) -> None:
        verdict = replace(verdict, what=redact(verdict.what, self._secrets))
        if verdict.kind is Kind.AGAIN and (verdict.wait or 0.0) > LONGEST_BACKOFF:
            verdict = replace(
                verdict, kind=Kind.DOWN
            )  # as in venues/transport.py: a long rest is for everybody
        if verdict.kind is Kind.REFUSED:
            raise VenueRefused(f"{NAME} {verdict.what}, asked for {what}: {_remedy(verdict.what)}.")
        if verdict.kind is Kind.LIMITED:
            wait = UNTOLD_WAIT if verdict.wait is None else max(1.0, verdict.wait)
            incident = self._block(sent_at, Kind.LIMITED, verdict.what, wait, verdict.longer)
            self._refuse_long(incident)
            self._say(incident, self._limited(incident))
            if attempt == TRIES:
                raise RateLimited(
                    f"{self._limited(incident)}; it said so {TRIES} times: run the command again then."
                )
        elif verdict.kind in (Kind.DOWN, Kind.BANNED):
            rest = verdict.wait or (MAINTENANCE if verdict.kind is Kind.DOWN else BAN)
            incident = self._block(sent_at, verdict.kind, verdict.what, rest, verdict.longer)
            self._say(incident, self._rest(incident))
            self._refuse_long(incident)
        else:
            self._again(verdict, sent_at, attempt, what)

    def _again(self, verdict: Verdict, sent_at: datetime, attempt: int, what: str) -> None:
        damaged = verdict.kind is Kind.DAMAGED
        if attempt == TRIES:
            error: type[VenueError] = BadAnswer if damaged else VenueDown
            raise error(f"{NAME} {verdict.what}, the last of {TRIES} tries of {what}: {ASK_AGAIN}.")
        self.gate.failed(self.clock.now())
        incident = self._block(sent_at, Kind.AGAIN, verdict.what, 0.0)
        again = "file damaged in transit, fetched again" if damaged else "trying again"
        self._say(incident, f"{NAME} {verdict.what}: {again} ({attempt + 1}/{TRIES}), {what}")
        backoff = self._jitter() * min(LONGEST_BACKOFF, BACKOFF * float(2**attempt))
        self.clock.sleep(max(verdict.wait or 0.0, backoff))

    def _block(
        self, sent_at: datetime, kind: Kind, reason: str, wait: float, longer: bool = False
    ) -> Incident:
        return self.gate.block(self.clock.now(), sent_at, kind, reason, wait, longer)

    def _answered(self, sent_at: datetime) -> None:
        ended = self.gate.over(self.clock.now(), sent_at)
        if ended is not None and ended.told and ended.kind is not Kind.AGAIN:
            self.tell(f"{NAME} answers again.")

    def _say(self, incident: Incident, sentence: str) -> None:
        """Once a wave in this process, and at most as often as the incident has sentences left."""
        wave = (incident.since, incident.set_at)
        if self._told != wave and self.gate.may_tell(self.clock.now()):
            self.tell(f"{redact(sentence, self._secrets)}.")
        self._told = wave

    def _limited(self, incident: Incident) -> str:
        return f"{NAME} {incident.reason}: resuming {until(incident)}"

    def _rest(self, incident: Incident) -> str:
        return (
            f"{NAME} {incident.reason} since {incident.began:%Y-%m-%d %H:%M} UTC: nobody asks it before "
            f"{until(incident)}"
        )


def _remedy(what: str) -> str:
    if "HTTP 401" in what or "HTTP 403" in what:
        return KEY_REMEDY
    return next((text for status, text in REMEDIES.items() if f"HTTP {status}" in what), ASK_AGAIN)
