"""One field of a message as an exact value: times as microseconds, prices as text. No message shape is known here.

Nothing raises: a field that is not what it should be is None, and whoever asked says so in the quarantine.
Fractions of a second are read as decimals (`.77` is 770 ms, `.077` is 77 ms) and cut to whole microseconds.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.market.rows import EXACT_DIGITS, HIGHEST, LOWEST

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECONDS = re.compile(r"(\d{1,11})(?:\.(\d+))?")
ISO = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|[+]00:?00)")
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
WHOLE = re.compile(r"-?\d{1,18}")


def micros(moment: datetime) -> int:
    """An aware moment as whole microseconds since the epoch."""
    return (moment - EPOCH) // MICROSECOND


def millis_us(value: Any) -> int | None:
    """Whole milliseconds since the epoch, as microseconds."""
    number = whole(value)
    return number * 1000 if number is not None and abs(number) < 1e14 else None


def seconds_us(value: Any) -> int | None:
    """Decimal seconds since the epoch, as microseconds."""
    found = SECONDS.fullmatch(as_text(value) or "")
    return int(found[1]) * 1_000_000 + _fraction_us(found[2]) if found else None


def iso_us(value: Any) -> int | None:
    """An ISO 8601 time in UTC with any number of fractional digits, as microseconds."""
    found = ISO.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return micros(moment) + _fraction_us(found[2])


def whole(value: Any) -> int | None:
    """A whole number, given as one or as text."""
    if type(value) is int:
        return value if abs(value) < 10**18 else None
    return int(value) if isinstance(value, str) and WHOLE.fullmatch(value) else None


def as_text(value: Any) -> str | None:
    """A number as text: its own digits, or the shortest that give the same float."""
    if type(value) is str:
        return value
    return str(value) if type(value) in (int, float) else None


def flaw_of(value: Any, what: str, may_be_zero: bool = False) -> str | None:
    """Why a field is no price or amount that survives float64; None when it is one."""
    text = as_text(value) or ""
    number = float(text) if NUMBER.fullmatch(text) else -1.0
    if not (LOWEST <= number <= HIGHEST or (may_be_zero and number == 0)):
        return f"{what} is not a positive finite number up to 1e15"
    if len(text) > EXACT_DIGITS:
        mantissa = re.split("[eE]", text)[0].replace(".", "").strip("0")
        if len(mantissa) > EXACT_DIGITS:
            return f"{what} has more than {EXACT_DIGITS} significant digits"
    return None


def _fraction_us(digits: str | None) -> int:
    return int((digits or "0")[:6].ljust(6, "0"))
