"""A real capture through the replay API and both real clients: the same books as from the derived daily file."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from pipelines.market.native import normalise
from pipelines.market.rows import EARLIEST
from pipelines.market.tardis.books import BookBuilder
from pipelines.market.tardis.layouts import layout_of
from pipelines.market.tardis.rebuilding import rebuild, typed_updates
from pipelines.market.tardis.stream import stream
from pipelines.market.venue_settings import ENGINES, TardisSettings
from resources.sources.reading import read_chunks
from resources.tardis import Archive
from tests.resources.tardis.fixtures import FastClock
from tests.venue import Venue
from tests.venue.data import VenueData

pytestmark = pytest.mark.real
WINDOW = (EARLIEST, datetime(2025, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_replayed_capture_gives_the_trades_and_books_of_the_daily_file(
    real_data: Path, tmp_path: Path, engine: str
) -> None:
    captures = [real_data / f"raw_feeds/binance_usdm_btcusdt_2024071{day}.gz" for day in (8, 9)]
    derived = real_data / "tardis_format_derived/binance-futures_{}_2024-07-19_BTCUSDT.csv.gz"
    start, end = datetime(2024, 7, 18, 23, 57, tzinfo=UTC), datetime(2024, 7, 19, 0, 2, tzinfo=UTC)
    with Venue(VenueData(captures=captures), datetime(2024, 8, 1, tzinfo=UTC)) as venue:
        settings = TardisSettings(engine=engine, api_url=f"{venue.url}/tardis/v1")
        archive = Archive(settings, "key-of-mine", tmp_path, FastClock(), print)
        messages = archive.replay("binance-futures", [], start, end)
        found = normalise("binance-futures", messages, "BTCUSDT", WINDOW, "replay")
    trades = _rows(derived, "trades").filter(pl.col("local_time") < end)
    assert found.trades.select("id", "price", "amount", "side").equals(
        trades.select("id", "price", "amount", "side")
    )
    builder = BookBuilder()
    book = pl.concat([builder.feed(typed_updates(found.updates)), builder.finish()])
    daily = rebuild(
        [
            stream(
                read_chunks(Path(str(derived).format("incremental_book_L2"))),
                layout_of("incremental_book_L2"),
                "f",
                WINDOW,
            )
        ]
    )
    shared = daily.book.filter(pl.col("local_time") < end)
    levels = [name for name in book.columns if "price" in name or "amount" in name]
    assert book.height == shared.height > 1000
    assert book.select(levels).equals(shared.select(levels))


def _rows(derived: Path, data_type: str) -> pl.DataFrame:
    path = Path(str(derived).format(data_type))
    return pl.concat(
        [part.rows for part in stream(read_chunks(path), layout_of(data_type), path.name, WINDOW)]
    )
