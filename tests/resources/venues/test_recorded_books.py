"""Snapshots recorded here: they come back as they were, a torn line is left out and said, a day without is refused."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.errors import MissingData
from pipelines.market.schemas import ORDER_BOOK
from pipelines.market.symbols import Market
from resources.sources import Delivery
from resources.venues.recorded_books import RecordedBooks

MARKET = Market("coinbase", "BTC-USD")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def snapshot(time: datetime, bid: float = 99.5) -> Delivery:
    row = {"time": time, "local_time": time, "bid_price_1": bid, "bid_amount_1": 0.1, "ask_price_1": 100.1}
    return Delivery(pl.DataFrame([row], schema=ORDER_BOOK, orient="row"))


def test_recorded_snapshots_come_back_by_day_and_time(tmp_path: Path) -> None:
    books = RecordedBooks(tmp_path)
    for minutes in (5, 0, 5):
        books.add(MARKET, snapshot(NOON + timedelta(minutes=minutes), 99.5 + minutes))
    books.add(MARKET, snapshot(NOON + timedelta(days=1)))
    found = books.of(MARKET, NOON.date())
    assert found.frame["bid_price_1"].to_list() == [99.5, 104.5]
    assert found.frame.schema == pl.Schema(ORDER_BOOK)
    assert found.frame["bid_price_2"].null_count() == 2
    assert books.days(MARKET) == [date(2026, 3, 1), date(2026, 3, 2)]


@pytest.mark.parametrize("kept", range(1, 60, 7))
def test_a_line_torn_by_a_crash_is_left_out_said_and_no_hindrance(tmp_path: Path, kept: int) -> None:
    books = RecordedBooks(tmp_path)
    books.add(MARKET, snapshot(NOON))
    (path,) = tmp_path.rglob("*.jsonl")
    line = path.read_bytes()
    path.write_bytes(line + line[:kept])
    assert books.of(MARKET, NOON.date()).notes == ("a snapshot torn by a crash was left out",)
    books.add(MARKET, snapshot(NOON + timedelta(minutes=1)))
    assert books.of(MARKET, NOON.date()).frame.height == 2


def test_a_day_without_a_snapshot_names_the_days_there_are(tmp_path: Path) -> None:
    books = RecordedBooks(tmp_path)
    books.add(MARKET, snapshot(NOON))
    with pytest.raises(MissingData, match="on 2026-02-28, expected one or more, found 1 days, 2026-03-01"):
        books.of(MARKET, date(2026, 2, 28))
