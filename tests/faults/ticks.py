"""What the tests of ticks share: settings with public trades, a tick archive's files, and what checks said."""

import gzip
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl

from tests.faults.conftest import START, Road, universe_of
from tests.venue import Venue

FRAMES = '["1m", "1h"]'
DAY = "2026-03-01"
SYMBOL, MARKET = "BTC-USDT", "binance-futures.BTC-USDT"
EXCHANGE, NAME = "binance-futures", "BTCUSDT"
OPEN = START + timedelta(hours=14)
L2 = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
Roads = Callable[..., Road]
Row = tuple[datetime, bool, str, float, float]


def minutes(*markets: str) -> str:
    """[universe] of the day with minutes and hours."""
    return universe_of(*markets, timeframes=FRAMES)


def with_trades(venue: Venue) -> str:
    """[source] of the venue whose public trades are ticks."""
    rate = "requests_per_second = 1000.0"
    return venue.source_settings().replace(rate, f"{rate}\ntrades = true")


def from_archive(venue: Venue, book: str = "incremental_book_L2") -> str:
    """[source] of the venue whose archive makes books of `book`."""
    return venue.source_settings().replace(
        "[source.venues.tardis]", f'[source.venues.tardis]\nbook = "{book}"'
    )


def ingest(
    road: Road, job: str = "ingest_trades", market: str = "coinbase.BTC-USD"
) -> dg.ExecuteInProcessResult:
    """One run of a job of ticks over the day, which must succeed."""
    road.runs.append(road.world.run(job, f"{DAY}|{market}"))
    assert road.runs[-1].success, road.notes()
    return road.runs[-1]


def ticks(road: Road, table: str = "trades", market: str = "coinbase.BTC-USD") -> pl.DataFrame:
    """The day's stored ticks or minute bars."""
    return road.lake.read(table, {"market": market})


def finding(run: dg.ExecuteInProcessResult, name: str) -> tuple[bool, str]:
    """Whether a finding of data_quality passed, and its sentence."""
    found = next(each for each in run.get_asset_check_evaluations() if each.check_name == name)
    return found.passed, str(found.metadata["sentence"].value)


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return round(moment.timestamp() * 1_000_000)


def book_rows(seconds: int = 600, levels: int = 20) -> list[Row]:
    """A snapshot, then every second new amounts at the five best levels and, in turns, a better price on one side."""
    rows: list[Row] = []
    for k in range(levels):
        rows += [
            (OPEN, True, "bid", 60_000 - k / 2, 1 + k / 8),
            (OPEN, True, "ask", 60_001 + k / 2, 1 + k / 8),
        ]
    for n in range(1, seconds):
        at = OPEN + timedelta(seconds=n)
        for k in range(5):
            rows.append((at, False, "bid", 60_000 - k / 2, (n % 7 + k + 1) / 4))
            rows.append((at, False, "ask", 60_001 + k / 2, (n % 5 + k + 1) / 4))
        rows.append((at, False, "bid", 60_000.5, 1.5 if n % 2 else 0.0))
    return rows


def l2_file(rows: list[Row], lateness: timedelta = timedelta(milliseconds=5)) -> bytes:
    """A Tardis file of incremental_book_L2; rows of one moment share their stamps."""
    lines = [
        f"{EXCHANGE},{NAME},{micros(at)},{micros(at + lateness)},{str(snapshot).lower()},{side},{price},{amount}"
        for at, snapshot, side, price, amount in rows
    ]
    return gzip.compress("\n".join([L2, *lines, ""]).encode(), 6, mtime=0)


def trades_file(
    count: int = 1200, every: timedelta = timedelta(milliseconds=500), start: datetime = OPEN
) -> bytes:
    """A Tardis file of trades with consecutive ids, alternately bought and sold."""
    lines = []
    for n in range(count):
        at = start + n * every
        side = "buy" if n % 2 else "sell"
        price = 60_001 if n % 2 else 60_000
        lines.append(
            f"{EXCHANGE},{NAME},{micros(at)},{micros(at) + 5000},{n + 1},{side},{price + n % 11},{(n % 9 + 1) / 8}"
        )
    return gzip.compress("\n".join([TRADES, *lines, ""]).encode(), 6, mtime=0)


def files(**kinds: bytes) -> dict[tuple[str, str, str, str], bytes]:
    """Tardis files of the day by data type."""
    return {(EXCHANGE, kind, DAY, NAME): body for kind, body in kinds.items()}


def crossed(book: pl.DataFrame) -> int:
    """Book states whose best bid is not below the best ask."""
    return book.filter(pl.col("bid_price_1") >= pl.col("ask_price_1")).height


def origins(bars: pl.DataFrame) -> dict[str, int]:
    """Bars by origin."""
    return dict(bars.group_by("origin").len().iter_rows())


def by_time(table: pl.DataFrame) -> dict[Any, Any]:
    """Volume of each bar."""
    return dict(table.select("open_time", "volume").iter_rows())
