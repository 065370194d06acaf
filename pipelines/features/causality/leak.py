"""What the detector says of one column that reads the future. How it is found lives in search.py and reach.py."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Leak:
    """One column whose past changes when only its future does."""

    column: str
    row: int  # first row seen to change, counted from 0
    at: datetime  # time of that row
    distance: (
        int  # rows: the smallest k such that changing only what comes after row + k leaves the row alone
    )
    span: timedelta | None  # the same as time between rows; None when it reaches beyond the last row
    mode: str  # what was done to the future when the row changed
    before: Any  # its value with the future as it was
    after: Any  # its value with the other future

    def __str__(self) -> str:
        reach = f"{self.distance} bars ({self.span})" if self.span is not None else "beyond the last bar"
        return (
            f"{self.column} reads the future: row {self.row} ({self.at}) reaches {reach} ahead; expected the same "
            f"value whatever comes later, found {self.before} and, future {self.mode}, {self.after}; use only what was "
            "known when that row became usable."
        )
