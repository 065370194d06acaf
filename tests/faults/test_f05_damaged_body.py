"""F5: bodies that are cut off or whose gzip does not check out are fetched again, and never become rows."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import pytest

from resources.venues import transport
from tests.faults.conftest import NOW, START
from tests.faults.ticks import DAY, MARKET, Roads, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
CANDLES = synthetic_candles(START, 1440)
HEADER = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    from resources.tardis import asking

    monkeypatch.setattr(transport, "BACKOFF", 0.02)
    monkeypatch.setattr(asking, "BACKOFF", 0.02)


@pytest.mark.parametrize("how", ["cut", "gzip", "crc"])
def test_f05_a_body_damaged_in_transit_is_fetched_again(
    road: Roads, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """Invariant: no artefact without a verified answer; what arrived damaged is in no table and in no page."""
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): CANDLES}), now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        venue.play("F5", kind="candles", how=how, after=1)
        assert running.ingest().success, running.notes()
        assert len(venue.of_kind("candles")) == 7
        always = venue.play("F5", kind="candles", how=how, times=None)
        venue.now = NOW + timedelta(minutes=10)
        before = running.table("candles")
        again = running.ingest()
        assert always.played >= 5
        assert running.build().success, running.notes()
    told = [
        record.message
        for record in caplog.records
        if "damaged in transit, fetched again (2/5)" in record.message
    ]
    assert told
    assert told[0].startswith("coinbase ")
    assert before["close"].to_list() == CANDLES["close"].to_list()
    assert running.totals()["present"] == 1440
    assert again.success
    assert running.table("candles").equals(before)
    assert not list(running.world.root.rglob("*.page"))


def trades(day: date, rows: int = 500) -> bytes:
    first = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 10**6
    lines = (
        f"binance-futures,BTCUSDT,{first + n * 10**6},{first + n * 10**6 + 90},{n},buy,60000.5,0.{n % 9 + 1}\n"
        for n in range(rows)
    )
    return gzip.compress((HEADER + "".join(lines)).encode(), mtime=0)


@pytest.mark.parametrize("how", ["cut", "gzip", "crc"])
def test_a_file_of_the_archive_has_a_manifest_or_is_not_there(
    road: Roads, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Invariant: no artefact without verified manifest."""
    monkeypatch.setenv("TARDIS_API_KEY", "TD.key-of-this-test")
    days = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)]
    files = {("binance-futures", "trades", str(day), "BTCUSDT"): trades(day) for day in days}
    with Venue(VenueData(tardis_files=files), tardis_key="TD.key-of-this-test") as venue:
        running = road(venue, minutes(MARKET))
        fault = venue.play("F5", how=how, kind="dataset", times=None)
        lost = running.world.run("ingest_trades", f"{DAY}|{MARKET}")
        assert not lost.success
        root = running.world.root
        assert not list(root.rglob("*.csv.gz*"))
        venue.stop_faults(fault)
        venue.play("F5", how=how, kind="dataset", times=2)
        found = running.world.run("ingest_trades", f"{DAY}|{MARKET}")
        assert found.success
        assert (
            "file damaged in transit, fetched again (2/5), trades of binance-futures BTCUSDT" in caplog.text
        )
    kept = sorted(root.rglob("*.csv.gz"))
    assert len(kept) == 3
    for path in kept:
        manifest = json.loads(path.with_name(path.name + ".manifest.json").read_bytes())
        assert manifest["sha256"] == sha256(path.read_bytes()).hexdigest()
        assert manifest["rows"] == 500
    stored = running.lake.read("trades", {"market": MARKET})
    assert stored.height == 500
