"""What an answer means, by HTTP status first and the venue's own error codes after it. Nothing waits or retries here.

ccxt maps 400, 403, 404 and 451 to errors that it calls retryable, and 200 with HTML to no data at all.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from resources.venues.json_body import excerpt, looks_like_json
from resources.venues.wire import Answer, Fault


class Kind(StrEnum):
    """What to do next."""

    FINE = "fine"
    AGAIN = "again"  # the same request may succeed in a moment
    DAMAGED = "damaged"  # the same, and what came was no answer
    LIMITED = "limited"  # nobody asks this venue before the wait is over
    DOWN = "down"  # maintenance: nobody asks, and nothing is made up for the time
    BANNED = "banned"  # nobody asks this venue
    REFUSED = "refused"  # asking again cannot help


@dataclass(frozen=True)
class Verdict:
    """The meaning of one answer; `what` continues "the venue ...", `wait` is what of its wish is obeyed, in seconds."""

    kind: Kind
    what: str = ""
    wait: float | None = None
    longer: bool = False  # it asked for more than LONGEST


HOUR = 3600.0
LONGEST = {Kind.LIMITED: 24 * HOUR, Kind.BANNED: 24 * HOUR}
"""Seconds of a Retry-After that are obeyed, an hour for any other kind: one wrong header must not shut a venue out
until somebody deletes a file, and asking again after so long is no harm to anybody."""

REMEDIES = {
    400: "correct the symbol, timeframe or span",
    401: "correct its API key in the environment",
    403: "check what the API key may read, and whether the venue serves your country",
    404: "correct the symbol or base_url",
    451: "it may not serve your country: remove it from the settings or use another venue",
}
LOST = (408, 425)
_ERROR_LIST = re.compile(rb'^\s*\{\s*"error"\s*:\s*\[\s*"')
_MAINTENANCE = re.compile(rb"maintenance|scheduled upgrade|under upgrade", re.IGNORECASE)
_LIMIT_CODES = ("EAPI:Rate limit", "EGeneral:Too many requests", "EOrder:Rate limit", "EService:Throttled")
_BAN_CODES = ("EGeneral:Temporary lockout",)
_DOWN_CODES = ("EService:Unavailable", "EService:Maintenance", "EGeneral:Maintenance")
_AGAIN_CODES = ("EService:", "EGeneral:Internal error", "EGeneral:Unknown error")


def classify(outcome: Answer | Fault, json_expected: bool) -> Verdict:
    """The verdict on what came back for one request; its wait is at most LONGEST."""
    found = _meaning(outcome, json_expected)
    most = longest(found.kind)
    return found if (found.wait or 0.0) <= most else replace(found, wait=most, longer=True)


def longest(kind: Kind) -> float:
    """Seconds that an incident of this kind is obeyed for at most."""
    return LONGEST.get(kind, HOUR)


def _meaning(outcome: Answer | Fault, json_expected: bool) -> Verdict:
    if isinstance(outcome, Fault):
        if outcome.hopeless:
            return Verdict(Kind.REFUSED, outcome.what)
        return Verdict(Kind.DAMAGED if outcome.damaged else Kind.AGAIN, outcome.what)
    if 200 <= outcome.status < 300:
        return _of_body(outcome) if json_expected else Verdict(Kind.FINE)
    return _of_status(outcome)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the answer asks to wait, as it says it: seconds or an HTTP date; None when it does not say."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None  # neither form of RFC 9110: as if the header were absent
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def _of_status(answer: Answer) -> Verdict:
    status, wait = answer.status, _wait(answer)
    if status == 429 or (status == 418 and wait is not None):
        return Verdict(Kind.LIMITED, f"is rate-limiting us (HTTP {status})", wait)
    if status == 418 or (status == 403 and _is_page(answer)):
        return Verdict(Kind.BANNED, f"has banned this address (HTTP {status}{_said(answer)})", wait)
    if status >= 500:
        if _MAINTENANCE.search(answer.body[:8192]):
            return Verdict(Kind.DOWN, "in maintenance", wait)
        return Verdict(Kind.AGAIN, f"answered HTTP {status}{_said(answer)}", wait)
    if status in LOST:
        return Verdict(Kind.AGAIN, f"answered HTTP {status}{_said(answer)}", wait)
    return Verdict(Kind.REFUSED, f"refuses it with HTTP {status}{_said(answer)}")


def _of_body(answer: Answer) -> Verdict:
    if not looks_like_json(answer.body):
        found = "nothing" if not answer.body.strip() else f"no whole JSON but {excerpt(answer.body)!r}"
        return Verdict(Kind.DAMAGED, f"answered {found}")
    if not _ERROR_LIST.match(answer.body[:300]):
        return Verdict(Kind.FINE)
    try:
        code = str(json.loads(answer.body)["error"][0])
    except (ValueError, RecursionError, LookupError, TypeError):
        return Verdict(Kind.DAMAGED, f"answered broken JSON, {excerpt(answer.body)!r}")
    return _of_code(code, _wait(answer))


def _of_code(code: str, wait: float | None) -> Verdict:
    """Kraken's codes: severity E or W, category, text."""
    if code.startswith(_LIMIT_CODES):
        return Verdict(Kind.LIMITED, f"is rate-limiting us ({code})", wait)
    if code.startswith(_BAN_CODES):
        return Verdict(Kind.BANNED, f"has locked us out ({code})", wait)
    if code.startswith(_DOWN_CODES):
        return Verdict(Kind.DOWN, "in maintenance", wait)
    if code.startswith(_AGAIN_CODES):
        return Verdict(Kind.AGAIN, f"answered {code}", wait)
    return Verdict(Kind.FINE if code.startswith("W") else Kind.REFUSED, f"refuses it with {code}")


def _wait(answer: Answer) -> float | None:
    return retry_after(answer.headers, answer.received_at)


def _is_page(answer: Answer) -> bool:
    return "html" in answer.headers.get("content-type", "") or answer.body.lstrip()[:1] == b"<"


def _said(answer: Answer) -> str:
    if _is_page(answer):
        title = re.search(rb"<title[^>]*>(.*?)</title>", answer.body[:8192], re.IGNORECASE | re.DOTALL)
        return f", a page titled {excerpt(title[1])!r}" if title else ", a web page"
    return f": {text}" if (text := excerpt(answer.body)) else ""
