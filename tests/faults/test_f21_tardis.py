"""F21: what is peculiar to the tick archive: groups of one local time, snapshots in mid-file, outages."""

import gzip
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.market.tardis.rebuilding import book_hash
from tests.faults.conftest import NOW, Road
from tests.faults.ticks import (
    MARKET,
    OPEN,
    SYMBOL,
    Roads,
    Row,
    book_rows,
    crossed,
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
LATER = NOW + timedelta(days=3)
OUTAGE = (OPEN + timedelta(minutes=20), OPEN + timedelta(minutes=30))


def served(rows: list[Row] | None = None, trades: bytes | None = None) -> VenueData:
    book = l2_file(rows or book_rows())
    return VenueData(tardis_files=files(trades=trades or trades_file(), incremental_book_L2=book))


def read(venue: Venue, road: Roads) -> Road:
    """The road after the ticks of the day."""
    running = road(venue, minutes(MARKET), from_archive(venue))
    ingest(running, "ingest_ticks", MARKET)
    return running


def book_of(running: Road) -> pl.DataFrame:
    return ticks(running, "order_book", MARKET)


def test_f21_a_day_replayed_twice_is_the_same_book(road: Roads, tmp_path: Path) -> None:
    """Invariant: replay of day D twice gives the same book hash, fetched again or read again from the kept file."""
    hashes = []
    with Venue(served(), now=LATER) as venue:
        for fresh in (False, False, True):
            if fresh:
                for path in [p for p in tmp_path.rglob("*.csv.gz*") if p.is_file()]:
                    path.unlink()
            running = read(venue, road)
            hashes.append(
                (
                    book_hash([book_of(running)]),
                    running.lake.fingerprint("order_book", {"market": MARKET}).sha256,
                )
            )
        fetched = [seen for seen in venue.of_kind("dataset") if "incremental_book_L2/2026/03/01" in seen.path]
    assert len(fetched) == 2, "once, and once more when the file was gone"
    assert len(set(hashes)) == 1
    assert book_of(running).height > 500


def test_rows_of_one_local_time_are_one_change(road: Roads) -> None:
    """Inside a group the bid is above the ask for a row; as a whole it is not, and no such state is seen or counted."""
    rows = book_rows(120)
    at = OPEN + timedelta(seconds=120)
    rows += [(at, False, "bid", 60_001.0, 2.0), (at, False, "ask", 60_001.0, 0.0)]
    with Venue(served(rows), now=LATER) as venue:
        running = read(venue, road)
    book = book_of(running)
    assert "crossed" not in running.notes("order_book")
    assert crossed(book) == 0
    last = book.row(-1, named=True)
    assert (last["bid_price_1"], last["bid_amount_1"], last["ask_price_1"]) == (60_001.0, 2.0, 60_001.5)


def test_a_snapshot_in_mid_file_replaces_the_book(road: Roads) -> None:
    """`is_snapshot` after a row that is none is a reset: levels that it does not have are gone."""
    rows = book_rows(60)
    at = OPEN + timedelta(seconds=60)
    rows += [(at, True, "bid", 59_000.0, 3.0), (at, True, "ask", 59_001.0, 4.0)]
    with Venue(served(rows), now=LATER) as venue:
        running = read(venue, road)
    last = book_of(running).row(-1, named=True)
    assert (last["bid_price_1"], last["ask_price_1"]) == (59_000.0, 59_001.0)
    assert last["bid_price_2"] is None
    assert "the recorder started anew from a snapshot" in running.notes("order_book")


def test_the_archives_own_snapshot_in_mid_file_changes_no_level(road: Roads) -> None:
    """The fault's snapshot is of the book as it stands: before and after it the books are those of the sound file."""
    with Venue(served(), now=LATER) as venue:
        sound = book_of(read(venue, road))
    with Venue(served(), now=LATER) as venue:
        venue.play("F21", how="snapshot")
        for path in _kept(running := road(venue, minutes(MARKET), from_archive(venue))):
            path.unlink()
        ingest(running, "ingest_ticks", MARKET)
        found = book_of(running)
    known = found.filter(pl.col("bid_price_1").is_not_null())
    assert "the recorder started anew from a snapshot" in running.notes("order_book")
    last_of_each = sound.unique("time", keep="last", maintain_order=True)
    assert known.unique("time", keep="last", maintain_order=True).equals(last_of_each)


def test_rows_of_another_symbol_are_set_aside(road: Roads) -> None:
    """Rows of OTHER inside the groups: quarantined by name, and the book is the sound file's."""
    with Venue(served(), now=LATER) as venue:
        sound = book_hash([book_of(read(venue, road))])
        venue.play("F21", how="interleave")
        for path in _kept(running := road(venue, minutes(MARKET), from_archive(venue))):
            path.unlink()
        ingest(running, "ingest_ticks", MARKET)
    assert book_hash([book_of(running)]) == sound
    aside = running.lake.read("quarantine", {"refused_for": "order_book", "part": f"{MARKET}.2026-03-01"})
    assert aside.height > 500
    assert aside["reason"].str.starts_with("exchange and symbol are not binance-futures BTCUSDT").all()


def test_outages_of_the_archive_are_listed_and_make_the_venue_down(road: Roads) -> None:
    """Trades until the outage and after it: the minutes in it are venue-down with the archive's word, never bars."""
    before = trades_file(2400)
    after = trades_file(1200, start=OUTAGE[1])
    with Venue(served(trades=_joined(before, after)), now=LATER) as venue:
        venue.play("F21", how="incident", start=OUTAGE[0], end=OUTAGE[1], details="collection stopped")
        running = read(venue, road)
        told = "tardis reports an outage of binance-futures: collection stopped"
        assert f"outage 03-01 14:20:00 to 03-01 14:30:00: {told}" in running.notes("trades")
        running.build(SYMBOL)
    down = running.table("coverage", SYMBOL).filter(pl.col("kind") == "venue-down")
    assert down.select("time", "end", "bars", "reason").rows() == [(*OUTAGE, 10, told)]
    bars = running.table("bars", SYMBOL)
    assert bars.filter(pl.col("open_time").is_between(*OUTAGE, closed="left")).is_empty()


def _kept(running: Road) -> list[Path]:
    """Files that were fetched before."""
    return [path for path in running.world.root.rglob("*.csv.gz*") if path.is_file()]


def _joined(first: bytes, second: bytes) -> bytes:
    head, *rows = gzip.decompress(first).decode().splitlines()
    more = gzip.decompress(second).decode().splitlines()[1:]
    numbered = [
        ",".join([*(cells := row.split(","))[:4], str(2401 + n), *cells[5:]]) for n, row in enumerate(more)
    ]
    return gzip.compress("\n".join([head, *rows, *numbered, ""]).encode(), 6, mtime=0)
