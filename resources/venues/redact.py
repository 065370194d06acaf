"""Taking keys and signatures out of whatever a person or a log may read. Nothing else is changed here.

A secret is known by its value (this process was given it, or a request carried it) or by the name it stands under.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from urllib.parse import quote

from resources.venues.wire import Answer, Fault

HIDDEN = "***"
SECRET_NAME = re.compile(
    r"api[-_]?key|access[-_]?key|[-_]key$|key[-_]?id|^key$|secret|sign|passphrase|password|authorization|^auth$"
    r"|cookie|access[-_]?token|^token$|otp|private",
    re.IGNORECASE,
)
"""Names of headers, query parameters and fields whose values are never shown; page tokens and wallets are none."""
_QUERY = re.compile(r"([?&])([^=&#\s]+)=([^&#\s]*)")
_FIELD = re.compile(
    r"""((?P<quote>\\*["'])(?P<name>[\w.-]+)(?P=quote)\s*:\s*(?P=quote))(?:(?!(?P=quote)).)*"""
)
_USER = re.compile(r"(?<=://)[^/@\s]+@")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+\S+", re.IGNORECASE)
SHORTEST = 6
"""A shorter value is too common a word to be blotted out of a sentence."""
_known: set[str] = set()


def never_say(values: Iterable[str]) -> None:
    """Values of keys that this process was given: from now on no sentence and no body shows them, whoever made it."""
    _known.update(value for value in values if len(value) >= SHORTEST)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without known and given values, secret parameters and fields, users in URLs and bearer tokens."""
    for form in _forms(secrets):
        text = text.replace(form, HIDDEN)
    text = _BEARER.sub(rf"\1 {HIDDEN}", _USER.sub(f"{HIDDEN}@", text))
    return _FIELD.sub(_field, _QUERY.sub(_parameter, text))


def without_secrets(outcome: Answer | Fault, secrets: Iterable[str] = ()) -> Answer | Fault:
    """The same answer with no known or given value in its body: an excerpt of it may cut one in two."""
    if isinstance(outcome, Fault):
        return outcome
    body = outcome.body
    for form in _forms(secrets):
        body = body.replace(form.encode(), HIDDEN.encode())
    return replace(outcome, body=body)


def secrets_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Values of the headers that carry keys or signatures, the longest first."""
    values = {
        part
        for name, value in headers.items()
        if SECRET_NAME.search(name)
        for part in (value, value.partition(" ")[2])
    }
    return tuple(sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True))


def _forms(secrets: Iterable[str]) -> list[str]:
    """The values as they are, as JSON and as a URL write them; the longest first, since one may hold another."""
    values = {value for value in (*_known, *secrets) if value}
    forms = {form for value in values for form in (value, json.dumps(value)[1:-1], quote(value, safe=""))}
    return sorted(forms, key=len, reverse=True)


def _parameter(match: re.Match[str]) -> str:
    lead, name, value = match.groups()
    return f"{lead}{name}={HIDDEN if SECRET_NAME.search(name) else value}"


def _field(match: re.Match[str]) -> str:
    return f"{match[1]}{HIDDEN}" if SECRET_NAME.search(match["name"]) else match[0]
