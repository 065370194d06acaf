"""Which days the archive says it has: listed ones are asked for, and everything where it says nothing."""

from datetime import date, timedelta
from typing import Any

import pytest

from resources.tardis.available import days_of

DAYS = [date(2024, 7, 17) + timedelta(days=k) for k in range(5)]
LISTED: dict[str, Any] = {
    "availableSymbols": [
        {
            "id": "btcusdt",
            "availableSince": "2024-07-18T00:00:00.000Z",
            "availableTo": "2024-07-19T06:30:00.000Z",
        }
    ],
    "datasets": {
        "symbols": [
            {
                "id": "BTCUSDT",
                "dataTypes": ["trades"],
                "availableSince": "2024-07-19T00:00:00.000Z",
                "availableTo": "2024-07-20T00:00:00.000Z",
            },
            {"id": "ETHUSDT", "availableSince": "2024-07-20T00:00:00.000Z"},
        ]
    },
}


@pytest.mark.parametrize(
    ("symbol", "data_type", "found"),
    [
        ("BTCUSDT", "trades", DAYS[2:3]),
        ("BTCUSDT", "quotes", []),
        ("BTCUSDT", None, DAYS[1:3]),  # it ended within the 19th
        ("ETHUSDT", "trades", DAYS[3:]),
        ("XRPUSDT", "trades", DAYS),
    ],
)
def test_only_days_that_are_said_to_be_there(symbol: str, data_type: str | None, found: list[date]) -> None:
    assert days_of(LISTED, symbol, data_type, DAYS) == found


def test_details_that_say_nothing_leave_every_day() -> None:
    assert days_of({}, "BTCUSDT", "trades", DAYS) == DAYS
