"""Sending requests to one venue: in turn, again when that can help, never while the venue wants to be left alone.

The wire is wire.py, the meaning of an answer classify.py, the queue that all processes share gate.py. Here: waiting,
trying again, giving up, and saying so in sentences that carry no secret.
"""

import random
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta

from pipelines.errors import RateLimited, VenueDown, VenueRefused
from resources.clock import Clock
from resources.venues.classify import Kind, Verdict, classify
from resources.venues.gate import Gate, Incident
from resources.venues.json_body import read_json
from resources.venues.redact import redact, secrets_of, without_secrets
from resources.venues.sentences import banned, down, given_up, limited, refused
from resources.venues.wire import Answer, Request, exchange, open_client

__all__ = ["Answer", "Request", "Transport", "read_json"]

BACKOFF, LONGEST_BACKOFF = 0.5, 60.0
"""Seconds: the n-th wait is drawn from 0 to BACKOFF·2ⁿ, at most the longest."""
LIMITED_FLOOR = 1.0
"""Seconds that a rate limit lasts at least when the venue does not say how long."""
MAINTENANCE, BAN = 60.0, 900.0
"""Seconds after which one request tries a venue in maintenance, or one that banned us, when it does not say."""
LONGEST_REST = 900.0
"""Seconds: a venue that keeps failing is tried at least this often."""


class Transport:
    """Requests to one venue from one process; others share its gate. Safe to share between threads."""

    progress: str = ""
    """How far the fetching is, e.g. `4,120 of 9,000 pages done`: kept up to date by it, quoted when we wait."""

    def __init__(
        self,
        venue: str,
        gate: Gate,
        clock: Clock,
        tell: Callable[[str], None],
        *,
        requests_per_second: float,
        timeout: float = 10.0,
        attempts: int = 5,
        breaker: int = 10,
        longest_wait: float = 900.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`tell` gets sentences for a person; `breaker`: failures in a row, of all processes, that stop asking.

        `longest_wait`: seconds to wait for a rate limit; a longer one raises RateLimited. `jitter`: draws from [0, 1).
        """
        self.venue, self.gate, self.clock, self.tell = venue, gate, clock, tell
        self.spacing, self.timeout, self.attempts = 1.0 / requests_per_second, timeout, attempts
        self.breaker, self.longest_wait, self._jitter = breaker, longest_wait, jitter
        self._client = open_client(timeout)
        self._closing = weakref.finalize(
            self, self._client.close
        )  # whoever opens one need not remember to close it
        self._told: tuple[float, float] | None = None

    def close(self) -> None:
        """Close the connections."""
        self._closing()

    def send(self, request: Request, *, cost: float = 1.0) -> Answer:
        """The venue's answer (HTTP 2xx, whole); `cost` is its weight in the venue's own limit.

        Raises RateLimited, VenueDown (maintenance, outage, no answer), VenueRefused (one attempt) or BadAnswer
        (damaged or no JSON, every time). No request leaves while an incident of the venue lasts.
        """
        attempts = self.attempts if request.repeatable else 1
        for attempt in range(1, attempts + 1):
            self._wait_for_turn(cost)
            sent_at = self.clock.now()
            outcome = exchange(self._client, request, self.clock, self.timeout)
            verdict = classify(outcome, request.json)
            if verdict.kind is Kind.FINE and isinstance(outcome, Answer):
                self._answered(sent_at)
                return outcome
            said = without_secrets(outcome, secrets_of(request.headers))
            self._handle(request, classify(said, request.json), sent_at, attempt, attempts)
        raise AssertionError("unreachable: the last attempt raises")

    def _wait_for_turn(self, cost: float) -> None:
        while True:
            now = self.clock.now()
            turn = self.gate.take(now, cost * self.spacing, 2 * self.timeout)
            if turn.incident is not None:
                self._refuse_long(turn.incident, now)
                self._say(turn.incident, limited(self.venue, turn.incident, self.progress))
            if turn.wait > 0:
                self.clock.sleep(turn.wait)
            if turn.probing or (turn.incident is None and self.gate.incident(self.clock.now()) is None):
                return

    def _refuse_long(self, incident: Incident, now: datetime) -> None:
        """Raise for an incident that is not waited for."""
        if incident.kind is Kind.BANNED:
            raise VenueRefused(f"{banned(self.venue, incident)}.")
        if incident.kind is Kind.DOWN:
            raise VenueDown(f"{down(self.venue, incident, self.progress)}.")
        if incident.resumes - now > timedelta(seconds=self.longest_wait):
            told = limited(self.venue, incident, self.progress)
            raise RateLimited(
                f"{told}; that is longer than the {self.longest_wait / 60:g} minutes we wait: run the same command "
                "again then."
            )

    def _handle(
        self, request: Request, verdict: Verdict, sent_at: datetime, attempt: int, attempts: int
    ) -> None:
        """Wait, or raise because waiting is no use."""
        what, kind = redact(verdict.what, secrets_of(request.headers)), verdict.kind
        if kind is Kind.AGAIN and (verdict.wait or 0.0) > LONGEST_BACKOFF:
            kind = Kind.DOWN  # a venue that asks for a long rest gets it from every worker
        if kind is Kind.REFUSED:
            raise VenueRefused(refused(self.venue, request, what))
        if kind is Kind.LIMITED:
            self._limit(verdict, what, sent_at, attempt, attempts)
        elif kind in (Kind.DOWN, Kind.BANNED):
            rest = verdict.wait or (MAINTENANCE if kind is Kind.DOWN else BAN)
            incident = self._block(sent_at, kind, what, rest, verdict.longer)
            sentence = (
                down(self.venue, incident, self.progress)
                if kind is Kind.DOWN
                else banned(self.venue, incident)
            )
            self._say(incident, sentence)
            raise (VenueDown if kind is Kind.DOWN else VenueRefused)(f"{sentence}.")
        else:
            self._again(request, verdict, what, sent_at, attempt, attempts)

    def _limit(self, verdict: Verdict, what: str, sent_at: datetime, attempt: int, attempts: int) -> None:
        backoff = max(LIMITED_FLOOR, self._backoff(attempt + 2))
        wait = max(verdict.wait or 0.0, backoff)
        incident = self._block(sent_at, Kind.LIMITED, what, wait, verdict.longer)
        self._refuse_long(incident, self.clock.now())
        told = limited(self.venue, incident, self.progress)
        if attempt == attempts:
            raise RateLimited(
                f"{told}; it said so {attempts} times: lower requests_per_second of {self.venue} or run the same "
                "command again then."
            )
        self._say(incident, told)

    def _again(
        self, request: Request, verdict: Verdict, what: str, sent_at: datetime, attempt: int, attempts: int
    ) -> None:
        failures = self.gate.failed(self.clock.now())
        if failures >= self.breaker:
            rest = min(LONGEST_REST, MAINTENANCE * 2 ** ((failures - self.breaker) // self.attempts))
            incident = self._block(sent_at, Kind.DOWN, f"has failed {failures} requests in a row", rest)
            self._say(incident, down(self.venue, incident, self.progress))
            raise VenueDown(f"{down(self.venue, incident, self.progress)}.")
        if attempt == attempts:
            raise given_up(self.venue, request, verdict, what, attempts)
        incident = self._block(sent_at, Kind.AGAIN, what, 0.0)
        damaged = verdict.kind is Kind.DAMAGED
        told = f"{self.venue} {what}: " + ("damaged in transit, fetched again" if damaged else "trying again")
        self._say(incident, f"{told} ({attempt + 1}/{attempts})")
        self.clock.sleep(max(verdict.wait or 0.0, self._backoff(attempt)))

    def _backoff(self, attempt: int) -> float:
        return self._jitter() * min(LONGEST_BACKOFF, BACKOFF * float(2**attempt))

    def _block(
        self, sent_at: datetime, kind: Kind, reason: str, wait: float, longer: bool = False
    ) -> Incident:
        return self.gate.block(self.clock.now(), sent_at, kind, reason, wait, longer)

    def _answered(self, sent_at: datetime) -> None:
        ended = self.gate.over(self.clock.now(), sent_at)
        if ended is not None and ended.told and ended.kind is not Kind.AGAIN:
            length = timedelta(seconds=round(self.clock.now().timestamp() - ended.since))
            self.tell(f"{self.venue} answers again after {length}.")

    def _say(self, incident: Incident, sentence: str) -> None:
        """Tell a wave once in this process, and only as long as the incident has sentences left."""
        wave = (incident.since, incident.set_at)
        if self._told != wave and self.gate.may_tell(self.clock.now()):
            self.tell(f"{sentence}.")
        self._told = wave
