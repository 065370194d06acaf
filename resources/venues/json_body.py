"""Answers as JSON in which no digit of a price is lost. Field names of venues are not known here."""

import json
import re
from typing import Any, NoReturn

from pipelines.errors import BadAnswer
from resources.venues.redact import redact
from resources.venues.wire import Answer

EXCERPT = 120
_ENDS = {b"{": b"}", b"[": b"]", b'"': b'"'}
_SCALAR = re.compile(rb"null|true|false|-?\d[\d.eE+-]*")


def read_json(answer: Answer, venue: str) -> Any:
    """The body parsed; numbers with a point or an exponent stay text, whole numbers are int.

    Raises BadAnswer for an empty body, HTML, broken JSON, and numbers that are none (NaN, Infinity).
    """
    if not answer.body.strip():
        raise BadAnswer(_sentence(venue, answer, "nothing"))
    try:
        return json.loads(answer.body, parse_float=str, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(_sentence(venue, answer, repr(excerpt(answer.body)))) from error


def excerpt(body: bytes) -> str:
    """The beginning of a body as one line, for a sentence."""
    return " ".join(body[: 4 * EXCERPT].decode("utf-8", "replace").split())[:EXCERPT]


def looks_like_json(body: bytes) -> bool:
    """Whether a body begins and ends as JSON does; cheap, so a cut-off body is seen before it is parsed."""
    text = body.strip()
    if text[:1] in _ENDS:
        return text[-1:] == _ENDS[text[:1]]
    return _SCALAR.fullmatch(text) is not None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _sentence(venue: str, answer: Answer, found: str) -> str:
    return (
        f"{venue} gave no usable answer: expected JSON from {redact(answer.url)}, found {found}; nothing of it is "
        "taken for data: run the same command again later."
    )
