"""Of which days the archive says it has something of a symbol. Asking for its details is archive.py."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

DAY = timedelta(days=1)
ONLY_LISTED = "datasets"
"""The part of the details that lists files by data type; replay serves every symbol of the other list."""


def days_of(details: dict[str, Any], symbol: str, data_type: str | None, days: Iterable[date]) -> list[date]:
    """Those of `days` within the symbol's availableSince and availableTo; all of them where nothing is said of it.

    data_type : of the daily files, or None for replay. A symbol that is listed without the data type has no day.
    """
    listed = (details.get(ONLY_LISTED) or {}).get("symbols") if data_type else details.get("availableSymbols")
    found = [entry for entry in listed or () if str(entry.get("id", "")).upper() == symbol.upper()]
    if not found:
        return list(days)
    entry = found[0]
    kinds = entry.get("dataTypes")
    if data_type and isinstance(kinds, list) and data_type not in kinds:
        return []
    first, end = _day(entry.get("availableSince")), _end(entry.get("availableTo"))
    return [day for day in days if (first is None or day >= first) and (end is None or day < end)]


def _day(stamp: Any) -> date | None:
    return datetime.fromisoformat(stamp).date() if isinstance(stamp, str) else None


def _end(stamp: Any) -> date | None:
    """The first day of which there is nothing any more: a symbol that ended within a day still has that day."""
    if not isinstance(stamp, str):
        return None
    moment = datetime.fromisoformat(stamp)
    return moment.date() + (DAY if (moment.hour, moment.minute, moment.second) != (0, 0, 0) else timedelta())
