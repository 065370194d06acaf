"""Files and messages that the venue serves, and a clock whose sleeping takes no time."""

import gzip
from datetime import UTC, date, datetime, timedelta

from resources.clock import Clock
from tests.venue.data import VenueData

DAY = date(2024, 3, 1)  # the first day of a month is served without a key
START = datetime(2024, 3, 1, tzinfo=UTC)
MICROSECOND = int(START.timestamp()) * 10**6
KEY = "TD.secret-key-of-mine"
HEADER = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"


class FastClock(Clock):
    """Real time plus what was slept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=sum(self.slept))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def trades(rows: int = 2000, day: date = DAY, symbol: str = "BTCUSDT") -> bytes:
    first = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 10**6
    lines = (
        f"binance-futures,{symbol},{first + n * 10**6},{first + n * 10**6 + 90},{n},buy,{60000 + n % 97}.5,"
        f"0.{n % 9 + 1}\n"
        for n in range(rows)
    )
    return gzip.compress((HEADER + "".join(lines)).encode(), mtime=0)


def messages(count: int = 300, every_ms: int = 1000) -> list[tuple[int, bytes]]:
    """Trades of five minutes; one disconnect at the third minute."""
    first = MICROSECOND * 1000
    rows = [
        (
            first + n * every_ms * 10**6 + 324,
            b'{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","t":%d,"p":"60000.50","q":0.10}}'
            % n,
        )
        for n in range(count)
    ]
    return sorted([*rows, (first + 150_000_500_000, b"")])


def data() -> VenueData:
    name = ("binance-futures", "trades")
    return VenueData(
        tardis_files={
            (*name, "2024-03-01", "BTCUSDT"): trades(),
            (*name, "2024-03-02", "BTCUSDT"): trades(day=date(2024, 3, 2)),
            (*name, "2024-04-01", "BTCUSDT"): b"",  # an empty gzip: no data that day
            (*name, "2024-05-01", "BTCUSDT"): trades(),  # rows of another day
        },
        captures={"binance-futures": messages()},
        incidents={
            "binance-futures": [
                {
                    "from": "2024-03-01T01:00:00.000Z",
                    "to": "2024-03-01T01:20:00.000Z",
                    "status": "resolved",
                    "details": "feed  down",
                },
                {"from": "2024-02-01T00:00:00Z", "status": "unresolved"},
            ]
        },
    )
