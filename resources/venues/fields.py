"""Fields of raw answers: lists and rows that have the venue's form, times as whole microseconds.

Nothing is rounded and nothing is guessed: an answer of another form is BadAnswer, a field that cannot be read is
None, and its row is quarantined later. Prices and amounts are judged in pipelines/market.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pipelines.errors import BadAnswer
from pipelines.market.native.fields import EPOCH, MICROSECOND, micros

__all__ = [
    "EPOCH",
    "MICROSECOND",
    "at",
    "micros",
    "micros_of_iso",
    "micros_of_number",
    "moment_of",
    "part",
    "rows_of",
]

FARTHEST = 250_000_000_000_000_000
"""Microseconds of a time that a datetime can hold; larger ones are no times."""


def part(said: Any, name: str, venue: str) -> Any:
    """A field that must be there; raises BadAnswer when the answer has another form."""
    if not isinstance(said, Mapping) or name not in said:
        found = ", ".join(map(str, said)) if isinstance(said, Mapping) else type(said).__name__
        raise BadAnswer(
            f"{venue} answered in another form: expected a field {name!r}, found {found[:120] or 'no field'}; "
            "nothing of it is used, run the same command again later."
        )
    return said[name]


def rows_of(said: Any, what: str, venue: str, needed: Sequence[Any] = ()) -> list[Any]:
    """The answer as a list of rows; BadAnswer when it is no list, or has rows and none of the `needed` fields."""
    if not isinstance(said, list):
        raise BadAnswer(
            f"{venue} answered in another form: expected a list of {what}, found {type(said).__name__}; nothing of "
            "it is used, run the same command again later."
        )
    if said and needed and not any(at(row, name) is not None for row in said for name in needed):
        raise BadAnswer(
            f"{venue} answered in another form: expected {what} with {', '.join(map(str, needed))}, found "
            f"{str(said[0])[:120]!r}; nothing of it is used, run the same command again later."
        )
    return said


def at(row: Any, place: Any) -> Any:
    """A field of a row, by name or number; None when the row has another form."""
    if isinstance(row, Mapping):
        return row.get(place)
    if isinstance(row, list) and isinstance(place, int) and place < len(row):
        return row[place]
    return None


def micros_of_iso(value: Any) -> int | None:
    """Microseconds since the epoch of an ISO 8601 time that names its zone; finer digits are cut off."""
    try:
        moment = datetime.fromisoformat(value)
        return (moment - EPOCH) // MICROSECOND if moment.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def micros_of_number(value: Any, per_second: int, fuzz: Decimal = Decimal(0)) -> int | None:
    """Microseconds since the epoch of a decimal number of 1/`per_second` seconds; finer digits are cut off.

    `fuzz`: microseconds by which the number may be too low, because it was a float before it was text.
    """
    if isinstance(value, bool):
        return None
    try:
        found = Decimal(str(value)) * 1_000_000 / per_second
    except InvalidOperation:
        return None
    return int(found + fuzz) if found.is_finite() and abs(found) < FARTHEST else None


def moment_of(value: int) -> datetime:
    """The moment so many microseconds after the epoch."""
    return EPOCH + value * MICROSECOND
