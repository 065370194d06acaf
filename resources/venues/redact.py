"""Taking keys and signatures out of whatever a person or a log may read. Nothing else is changed here."""

import re
from collections.abc import Iterable, Mapping

HIDDEN = "***"
SECRET_NAME = re.compile(
    r"api[-_]?key|key[-_]?id|^key$|secret|sign|passphrase|password|authorization|^auth$|cookie|access[-_]?token"
    r"|^token$|otp|private",
    re.IGNORECASE,
)
"""Names of headers and query parameters whose values are never shown; page tokens and wallets are no secrets."""
_QUERY = re.compile(r"([?&])([^=&#\s]+)=([^&#\s]*)")
_USER = re.compile(r"(?<=://)[^/@\s]+@")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+\S+", re.IGNORECASE)
SHORTEST = 6
"""A shorter header value is too common a word to be blotted out of a sentence."""


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the given values, secret query parameters, users in URLs and bearer tokens."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = _BEARER.sub(rf"\1 {HIDDEN}", _USER.sub(f"{HIDDEN}@", text))
    return _QUERY.sub(_parameter, text)


def secrets_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Values of the headers that carry keys or signatures, the longest first."""
    values = {
        part
        for name, value in headers.items()
        if SECRET_NAME.search(name)
        for part in (value, value.partition(" ")[2])
    }
    return tuple(sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True))


def _parameter(match: re.Match[str]) -> str:
    lead, name, value = match.groups()
    return f"{lead}{name}={HIDDEN if SECRET_NAME.search(name) else value}"
