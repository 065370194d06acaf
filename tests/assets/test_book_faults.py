"""Book states that a source left out because they were crossed reach the data-quality page."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from assets.data_quality import ticks_of
from assets.tick_days import keep_faults
from pipelines.market.schemas import ORDER_BOOK, UTC_US
from pipelines.market.symbols import Market
from resources.lake import Lake
from resources.sources import Delivery

DAY = date(2026, 3, 1)
MARKET = Market("binance-futures", "BTC-USDT")
KEYS = {"market": str(MARKET), "date": str(DAY)}


def book(states: int, unknown: int = 0) -> pl.DataFrame:
    """So many states with a bid and an ask, then some without levels."""
    rows = []
    for n in range(states + unknown):
        at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=n)
        known = {"bid_price_1": 99.0, "ask_price_1": 101.0} if n < states else {}
        rows.append({"time": at, "local_time": at, **known})
    return pl.DataFrame(rows, schema=ORDER_BOOK)


def test_what_was_left_out_is_kept_beside_the_day_and_counted(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.replace("order_book", book(90, unknown=7), KEYS)
    keep_faults(lake, MARKET, DAY, Delivery(book(90, unknown=7), crossed=10))
    stored = lake.read("book_faults", KEYS)
    assert stored.schema == {"time": UTC_US, "crossed": pl.Int64, "states": pl.Int64}
    assert stored.rows() == [(datetime(2026, 3, 1, tzinfo=UTC), 10, 100)]
    days, _ = ticks_of(lake, str(MARKET))
    assert days.select("books", "crossed", "locked").rows() == [(100, 10, 0)]


def test_books_that_came_whole_have_no_row_and_a_later_reading_removes_an_earlier_one(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.replace("order_book", book(90), KEYS)
    keep_faults(lake, MARKET, DAY, Delivery(book(90)))
    assert not lake.exists("book_faults", KEYS)
    keep_faults(lake, MARKET, DAY, Delivery(book(90), crossed=0))
    assert lake.read("book_faults", KEYS)["crossed"].to_list() == [0]
    keep_faults(lake, MARKET, DAY, Delivery(book(90)))
    assert not lake.exists("book_faults", KEYS)
    assert ticks_of(lake, str(MARKET))[0]["crossed"].to_list() == [0]
