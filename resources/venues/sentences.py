"""What a person reads about a venue that does not answer. When and how often it is said: transport.py and gate.py."""

from datetime import UTC, datetime

from pipelines.errors import BadAnswer, NoAnswer, VenueError
from resources.venues.classify import REMEDIES, Kind, Verdict
from resources.venues.gate import Incident
from resources.venues.redact import redact, secrets_of
from resources.venues.wire import Request


def limited(venue: str, incident: Incident, progress: str) -> str:
    """A rate limit: when it goes on, and how far it is."""
    done = f", {progress}" if progress else ""
    return f"{venue} {incident.reason}: resuming {until(incident)}{done}"


def down(venue: str, incident: Incident, progress: str) -> str:
    """Maintenance or outage: since when."""
    done = f"; {progress}" if progress else ""
    return (
        f"{venue} {incident.reason} since {incident.began:%Y-%m-%d %H:%M} UTC{done}; no bar is made up for "
        f"that time, it is tried again after {until(incident)}"
    )


def banned(venue: str, incident: Incident) -> str:
    """A ban: that everybody stopped, and what to do."""
    return (
        f"{venue} {incident.reason} since {incident.began:%Y-%m-%d %H:%M} UTC: every worker stopped asking "
        f"it until {until(incident)}; lower requests_per_second of {venue} and run the same "
        "command again then"
    )


def until(incident: Incident) -> str:
    """When somebody asks again, with the day when it is another one, and whether the venue wished for later."""
    same = incident.resumes.date() == datetime.fromtimestamp(incident.set_at, UTC).date()
    moment = f"{incident.resumes:{'%H:%M:%S' if same else '%Y-%m-%d %H:%M:%S'}} UTC"
    return f"{moment} (it asked for longer)" if incident.longer else moment


def refused(venue: str, request: Request, what: str) -> str:
    """A request that the venue will never answer, with the remedy that fits its status."""
    status = next((status for status in REMEDIES if f"HTTP {status}" in what), 404)
    return f"{venue} {what}, asked {named(request)}: {REMEDIES[status]}."


def given_up(venue: str, request: Request, verdict: Verdict, what: str, attempts: int) -> VenueError:
    """The error after the last try."""
    error = BadAnswer if verdict.kind is Kind.DAMAGED else NoAnswer
    return error(
        f"{venue} {what}, the last of {attempts} tries of {named(request)}: expected an answer; "
        "nothing of it was kept, run the same command again later."
    )


def named(request: Request) -> str:
    """A request without its secrets."""
    return redact(f"{request.method} {request.url}", secrets_of(request.headers))
