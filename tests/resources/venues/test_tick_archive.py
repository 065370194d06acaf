"""Days of the archive's files: nothing is read that was not verified, and what is left out is counted."""

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.errors import VenueRefused
from pipelines.market.symbols import Market
from pipelines.market.venue_settings import TardisSettings
from resources.clock import Clock
from resources.progress import LogProgress
from resources.venues.tick_archive import TickArchive
from tests.faults.ticks import EXCHANGE, NAME, TRADES, book_rows, files, l2_file
from tests.venue import Venue, VenueData

MARKET = Market.parse("binance-futures.BTC-USDT")
DAY = date(2026, 3, 1)
START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=1)
LATER = START + timedelta(days=30)


def archive(venue: Venue, folder: Path, book: str = "incremental_book_L2") -> TickArchive:
    """The archive that the venue serves."""
    settings = TardisSettings(
        api_url=f"{venue.url}/tardis/v1",
        datasets_url=f"{venue.url}/datasets/v1",
        book=book,
        markets={str(MARKET): f"{EXCHANGE}:{NAME}"},
    )
    return TickArchive(settings, folder, Clock(), LogProgress(), "key")


def trades(first: datetime, numbers: range, late: str = "") -> bytes:
    """One trade a second; `late` is a row of its own."""
    rows = []
    for k, number in enumerate(numbers):
        at = round((first + timedelta(seconds=k)).timestamp() * 1e6)
        rows.append(f"{EXCHANGE},{NAME},{at},{at + 5000},{number},buy,{60000 + k % 7},0.5")
    return gzip.compress("\n".join([TRADES, *([late] if late else []), *rows, ""]).encode(), mtime=0)


def late_row(price: int) -> str:
    """The day's last trade, received after midnight."""
    at = round(END.timestamp() * 1e6)
    return f"{EXCHANGE},{NAME},{at - 3000},{at + 2000},1000,buy,{price},0.25"


def two_days() -> VenueData:
    """Trades of a day, the last of them in the file of the day after."""
    return VenueData(
        tardis_files={
            (EXCHANGE, "trades", "2026-03-01", NAME): trades(START + timedelta(hours=23), range(400, 1000)),
            (EXCHANGE, "trades", "2026-03-02", NAME): trades(END, range(1001, 1051), late_row(60001)),
        }
    )


def test_a_file_beside_the_day_that_was_altered_is_never_read(tmp_path: Path) -> None:
    """Altered after it was verified, while the archive refuses to serve it again: left out and said, and gone."""
    with Venue(two_days(), now=LATER) as venue:
        sound = archive(venue, tmp_path).trades(MARKET, DAY)
        assert (sound.frame["id"][-1], sound.frame["price"][-1]) == (1000, 60001.0)
        path = next(tmp_path.rglob("*2026-03-02*.csv.gz"))
        path.write_bytes(trades(END, range(1001, 1051), late_row(61007)))
        fault = venue.play("F3", kind="dataset", match="2026/03/02", status=401, times=None)
        found = archive(venue, tmp_path).trades(MARKET, DAY)
        assert found.frame["id"][-1] == 999
        assert any("recorded on 2026-03-02 are missing" in note for note in found.notes)
        assert not path.exists()
        venue.stop_faults(fault)
        assert archive(venue, tmp_path).trades(MARKET, DAY).frame.equals(sound.frame)


def test_a_file_of_the_day_that_was_altered_is_fetched_again_or_the_day_is_refused(tmp_path: Path) -> None:
    with Venue(two_days(), now=LATER) as venue:
        sound = archive(venue, tmp_path).trades(MARKET, DAY)
        path = next(tmp_path.rglob("*2026-03-01*.csv.gz"))
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + b"x")
        assert archive(venue, tmp_path).trades(MARKET, DAY).frame.equals(sound.frame)
        assert path.read_bytes() == whole
        path.write_bytes(whole[:-1] + b"x")
        venue.play("F3", kind="dataset", match="2026/03/01", status=401, times=None)
        with pytest.raises(VenueRefused, match="TARDIS_API_KEY"):
            archive(venue, tmp_path).trades(MARKET, DAY)
        assert not path.exists()


@pytest.mark.parametrize("name", ["2026-03-02", "2026-02-28", "copy"])
def test_files_that_nobody_fetched_are_not_read(name: str, tmp_path: Path) -> None:
    """Put beside the verified ones by hand, under the name of a day beside or of none."""
    data = two_days()
    del data.shelf[EXCHANGE, "trades", "2026-03-02", NAME]
    with Venue(data, now=LATER) as venue:
        first = archive(venue, tmp_path).trades(MARKET, DAY)
        path = next(tmp_path.rglob("*2026-03-01*.csv.gz"))
        path.with_name(path.name.replace("2026-03-01", name)).write_bytes(
            trades(END, range(1001, 1051), late_row(60004))
        )
        assert archive(venue, tmp_path).trades(MARKET, DAY).frame.equals(first.frame)


def test_crossed_states_of_a_rebuilt_day_are_counted_for_the_finding(tmp_path: Path) -> None:
    with Venue(VenueData(tardis_files=files(incremental_book_L2=l2_file(book_rows()))), now=LATER) as venue:
        venue.play("F20", every=10, locked=False, kind="dataset")
        found = archive(venue, tmp_path).order_book(MARKET, DAY)
    assert found.crossed == 60
    assert not (found.frame["bid_price_1"] >= found.frame["ask_price_1"]).any()


def test_a_report_that_was_forgotten_open_silences_no_day_years_later(tmp_path: Path) -> None:
    """Without an end it is believed for a week; one that ends before it starts is ignored; both are said."""
    reports = [
        {"from": "2019-05-01T00:00:00.000Z", "status": "unresolved", "details": "?"},
        {"from": "2026-03-01T05:00:00Z", "to": "2026-03-01T04:00:00Z", "details": "turned"},
        {"from": "2026-02-25T00:00:00Z", "status": "unresolved", "details": "still"},
    ]
    data = two_days()
    data.incidents = {EXCHANGE: reports}
    with Venue(data, now=LATER) as venue:
        found = archive(venue, tmp_path).trades(MARKET, DAY)
    assert found.evidence.select("time", "end", "kind").rows() == [
        (datetime(2026, 2, 25, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC), "venue-down")
    ]
    said = "\n".join(found.notes)
    assert (
        "an outage reported since 2019-05-01 00:00 has no end: it is believed for 7 days and ignored here"
        in said
    )
    assert "reported from 2026-03-01 05:00 to 2026-03-01 04:00 ends before it starts: ignored" in said
    assert "2026-02-25 00:00 has no end" not in said
