"""F19: updates of a book are missing and a new snapshot follows. In between it is unknown, and nothing reads it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.market.native import normalise
from pipelines.market.tardis.books import BookBuilder
from pipelines.market.tardis.rebuilding import typed_updates
from pipelines.market.venue_settings import TardisSettings
from resources.clock import Clock
from resources.tardis import Archive
from resources.tardis.engines import Channel
from tests.faults.conftest import NOW, START
from tests.faults.ticks import (
    EXCHANGE,
    MARKET,
    NAME,
    OPEN,
    SYMBOL,
    Roads,
    book_rows,
    files,
    from_archive,
    ingest,
    l2_file,
    minutes,
    ticks,
    trades_file,
)
from tests.venue import Venue, VenueData

pytestmark = pytest.mark.slow
LOST = OPEN + timedelta(minutes=2, seconds=11)
BOOK_COLUMNS = ("bid_ask_spread", "order_book_imbalance", "book_pressure_5")


def lost(seconds: float, road: Roads) -> tuple[str, pl.DataFrame, pl.DataFrame]:
    """Notes of the book, the book and the minutes of a day whose updates of some seconds are missing."""
    data = VenueData(tardis_files=files(trades=trades_file(), incremental_book_L2=l2_file(book_rows())))
    with Venue(data, now=NOW + timedelta(days=3)) as venue:
        venue.play("F19", start=LOST, seconds=seconds, kind="dataset")
        running = road(venue, minutes(MARKET), from_archive(venue))
        ingest(running, "ingest_ticks", MARKET)
        said = running.notes("order_book")
        assert running.build(SYMBOL).success, running.notes()
    return said, ticks(running, "order_book", MARKET), running.table("bars", SYMBOL)


def minute(bars: pl.DataFrame, at: datetime) -> dict[str, float | None]:
    return bars.filter(pl.col("open_time") == at.replace(second=0)).row(0, named=True)


def test_f19_a_book_with_missing_updates_is_invalid_until_the_next_snapshot(road: Roads) -> None:
    """Invariant: no feature from an invalid book; the user reads from when to when it was invalid."""
    said, book, bars = lost(8, road)
    assert "book invalid 2026-03-01 14:02:10–14:02:19" in said
    inside = book.filter(
        pl.col("time").is_between(LOST - timedelta(seconds=1), LOST + timedelta(seconds=8), closed="none")
    )
    assert inside.filter(pl.col("bid_price_1").is_not_null()).is_empty()
    assert minute(bars, LOST)["book_seconds"] == pytest.approx(51, abs=1.1)
    assert minute(bars, LOST + timedelta(minutes=1))["book_seconds"] == 60
    assert minute(bars, LOST)["bid_ask_spread"] is not None, (
        "a minute known for 51 seconds is averaged over these"
    )


def test_a_minute_mostly_without_a_book_says_nothing_about_it(road: Roads) -> None:
    """Forty seconds without a book: what features 34 to 53 read of that minute is null, not the stale book's."""
    said, _, bars = lost(40, road)
    assert "book invalid 2026-03-01 14:02:10–14:02:51" in said
    assert [minute(bars, LOST)[name] for name in BOOK_COLUMNS] == [None] * 3
    assert None not in [minute(bars, LOST + timedelta(minutes=1))[name] for name in BOOK_COLUMNS]


def depth(minutes_long: int = 4) -> list[tuple[int, bytes]]:
    """Binance's own messages: a snapshot, then an update every second, with their sequence numbers."""
    first = round(START.timestamp()) * 10**9
    snapshot = b'{"stream":"btcusdt@depthSnapshot","generated":true,"data":{"lastUpdateId":100,"E":%d,"T":%d,' % (
        first // 10**6, first // 10**6
    ) + b'"bids":[["60000.0","1.0"],["59999.0","2.0"]],"asks":[["60001.0","1.0"],["60002.0","2.0"]]}}'  # fmt: skip
    rows = [(first, snapshot)]
    for n in range(1, 60 * minutes_long):
        ns = first + n * 10**9
        rows.append(
            (
                ns + 5 * 10**6,
                b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":%d,"T":%d,"s":"BTCUSDT","U":%d,"u":%d,'
                b'"pu":%d,"b":[["60000.0","%d.5"]],"a":[["60001.0","%d.5"]]}}'
                % (ns // 10**6, ns // 10**6, 100 + n, 100 + n, 99 + n, n % 7 + 1, n % 5 + 1),
            )
        )
    return rows


def test_a_disconnect_in_the_replay_makes_the_book_invalid_too(tmp_path: Path) -> None:
    """Raw messages with a lost connection and a new snapshot after it: the same sentence, the same silence."""
    gone = START + timedelta(minutes=2, seconds=11)
    end = START + timedelta(minutes=4)
    with Venue(VenueData(captures={EXCHANGE: depth()}), now=NOW) as venue:
        venue.play("F19", start=gone, seconds=8, kind="replay")
        settings = TardisSettings(api_url=f"{venue.url}/tardis/v1", datasets_url=f"{venue.url}/datasets/v1")
        archive = Archive(settings, None, tmp_path, Clock(), print)
        channels = [Channel("depth", ("btcusdt",)), Channel("depthSnapshot", ("btcusdt",))]
        messages = archive.replay(EXCHANGE, channels, START, end)
        window = (START, datetime(2026, 3, 2, tzinfo=UTC))
        found = normalise(EXCHANGE, messages, NAME, window, "replay")
    span = found.invalid.row(0, named=True)
    assert gone - timedelta(seconds=2) <= span["time"] <= gone
    assert gone + timedelta(seconds=7) <= span["end"] <= gone + timedelta(seconds=9)
    assert any("book of BTCUSDT invalid 2026-03-01 00:02:1" in note for note in found.notes)
    builder = BookBuilder()
    book = pl.concat([builder.feed(typed_updates(found.updates)), builder.finish()])
    inside = book.filter(pl.col("time").is_between(span["time"], span["end"], closed="none"))
    assert inside.filter(pl.col("bid_price_1").is_not_null()).is_empty()
    assert book.filter(pl.col("time") > span["end"]).height > 60
