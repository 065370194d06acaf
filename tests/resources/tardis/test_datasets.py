"""Daily files through the real client from a real server: whole, verified, kept, or refused in a sentence."""

import gzip
import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.errors import (
    BadAnswer,
    BadData,
    MissingData,
    RateLimited,
    UnknownName,
    VenueDown,
    VenueError,
    VenueRefused,
)
from pipelines.market.venue_settings import TardisSettings
from resources.sources.reading import read_bytes
from resources.tardis import Archive
from tests.resources.tardis.fixtures import DAY, KEY, FastClock, data, trades
from tests.venue import Venue

NAME = ("binance-futures", "trades", DAY, "BTCUSDT")
NOW = datetime(2024, 7, 1, tzinfo=UTC)


class Bench:
    def __init__(self, venue: Venue, folder: Path, key: str | None = KEY) -> None:
        self.venue, self.folder, self.clock = venue, folder, FastClock()
        self.told: list[str] = []
        self.settings = TardisSettings(
            api_url=f"{venue.url}/tardis/v1", datasets_url=f"{venue.url}/datasets/v1"
        )
        self.archive = Archive(self.settings, key, folder, self.clock, self.told.append)

    def files(self) -> list[str]:
        return sorted(p.name for p in self.folder.rglob("*") if p.is_file() and "gate" not in p.parts)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Venue(data(), NOW, tardis_key=KEY) as venue:
        yield Bench(venue, tmp_path)


def test_a_file_is_fetched_once_and_kept_with_its_manifest(bench: Bench) -> None:
    path = bench.archive.dataset(*NAME)
    assert path.name == "binance-futures_trades_2024-03-01_BTCUSDT.csv.gz"
    assert path.read_bytes() == trades()
    manifest = bench.archive.manifest_of(path)
    assert (manifest.rows, manifest.beside, manifest.engine) == (2000, 0, "tardis-dev")
    assert manifest.first == datetime(2024, 3, 1, microsecond=90, tzinfo=UTC)
    assert manifest.last == datetime(2024, 3, 1, 0, 33, 19, 90, tzinfo=UTC)
    assert manifest.of(path)
    assert bench.archive.dataset(*NAME) == path
    assert len(bench.venue.of_kind("dataset")) == 1
    assert bench.files() == [path.name, f"{path.name}.manifest.json"]
    assert not bench.told


@pytest.mark.parametrize("harm", ["content", "manifest", "lost manifest", "lost file"])
def test_a_file_is_believed_only_with_its_manifest(bench: Bench, harm: str) -> None:
    path = bench.archive.dataset(*NAME)
    manifest = path.with_name(path.name + ".manifest.json")
    if harm == "content":
        raw = bytearray(path.read_bytes())
        raw[-20] ^= 1
        path.write_bytes(raw)
    elif harm == "manifest":
        manifest.write_text("{")
    else:
        (manifest if harm == "lost manifest" else path).unlink()
    assert bench.archive.dataset(*NAME).read_bytes() == trades()
    assert len(bench.venue.of_kind("dataset")) == 2


@pytest.mark.parametrize("how", ["cut", "gzip", "crc"])
def test_f05_a_file_damaged_in_transit_is_fetched_again_and_never_seen(bench: Bench, how: str) -> None:
    bench.venue.play("F5", how=how, kind="dataset", times=2)
    path = bench.archive.dataset(*NAME)
    assert path.read_bytes() == trades()
    assert len(bench.venue.of_kind("dataset")) == 3
    assert (
        "file damaged in transit, fetched again (2/5), trades of binance-futures BTCUSDT on 2024-03-01"
        in bench.told[0]
    )
    assert len(bench.told) <= 5


def test_f05_a_file_that_is_always_damaged_leaves_nothing(bench: Bench) -> None:
    bench.venue.play("F5", how="gzip", kind="dataset", times=None)
    with pytest.raises(
        BadAnswer, match=r"does not unpack .*, the last of 5 tries of trades of binance-futures BTCUSDT"
    ):
        bench.archive.dataset(*NAME)
    assert len(bench.venue.of_kind("dataset")) == 5
    assert bench.files() == []
    assert len(bench.told) <= 5


def test_a_web_page_is_no_file(bench: Bench) -> None:
    bench.venue.play("F6", how="html", kind="dataset", times=1)
    assert bench.archive.dataset(*NAME).read_bytes() == trades()
    assert "does not unpack" in bench.told[0]


@pytest.mark.parametrize("status", [500, 503])
def test_f02_a_server_error_is_tried_five_times_in_our_time(bench: Bench, status: int) -> None:
    bench.venue.play("F2", how="status", status=status, kind="dataset", times=None)
    with pytest.raises(
        VenueDown, match=f"tardis answered HTTP {status}.*the last of 5 tries.*nothing of it was kept"
    ):
        bench.archive.dataset(*NAME)
    assert len(bench.venue.of_kind("dataset")) == 5
    assert 1 <= len(bench.told) <= 5
    assert sum(bench.clock.slept) < 120


def test_f02_a_connection_that_resets_is_tried_again(bench: Bench) -> None:
    bench.venue.play("F2", how="reset", kind="dataset", times=3)  # aiohttp itself asks twice
    assert bench.archive.dataset(*NAME).read_bytes() == trades()
    assert "trying again (2/5)" in bench.told[0]


def test_f01_a_rate_limit_is_waited_out_before_the_next_request(bench: Bench) -> None:
    bench.venue.play("F1", retry_after=37, kind="dataset", times=2)
    before = bench.clock.now()
    bench.archive.dataset(*NAME)
    assert len(bench.venue.of_kind("dataset")) == 3
    assert sum(bench.clock.slept) >= 2 * 36
    resumes = before + timedelta(seconds=37)
    assert any(
        f"rate-limiting us (HTTP 429): resuming {resumes + timedelta(seconds=s):%H:%M:%S} UTC"
        in bench.told[0]
        for s in range(3)
    )


@pytest.mark.parametrize(("status", "hours"), [(429, 24), (503, 1)])
def test_f01_an_absurd_wish_is_obeyed_for_a_while_and_said(bench: Bench, status: int, hours: int) -> None:
    """An hour in milliseconds would be 41 days; the second reader shares the gate and asks nothing."""
    bench.venue.play("F1", status=status, retry_after=3_600_000, kind="dataset", times=1)
    for archive in (bench.archive, Bench(bench.venue, bench.folder).archive):
        with pytest.raises(VenueError, match=r"UTC \(it asked for longer\)"):
            archive.dataset(*NAME)
    assert len(bench.venue.of_kind("dataset")) == 1
    bench.clock.sleep(hours * 3600 + 2)
    assert bench.archive.dataset(*NAME).read_bytes() == trades()


def test_f01_others_wait_with_us_and_a_long_wait_is_not_waited(bench: Bench) -> None:
    bench.venue.play("F1", retry_after=3600, kind="dataset", times=1)
    for archive in (bench.archive, Bench(bench.venue, bench.folder).archive):
        with pytest.raises(RateLimited, match=r"resuming .* UTC; that is longer than the 15 minutes we wait"):
            archive.dataset(*NAME)
    assert len(bench.venue.of_kind("dataset")) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 451])
def test_f03_a_refusal_is_asked_once(bench: Bench, status: int) -> None:
    bench.venue.play("F3", status=status, kind="dataset", message=f"no, {KEY} is not good")
    with pytest.raises(VenueRefused, match=f"HTTP {status}") as refused:
        bench.archive.dataset(*NAME)
    assert len(bench.venue.of_kind("dataset")) == 1
    assert KEY not in str(refused.value)
    assert ("TARDIS_API_KEY" in str(refused.value)) == (status in (401, 403))


def test_without_a_key_only_first_days_are_served(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keyless = Bench(bench.venue, bench.folder, key=None)
    second = ("binance-futures", "trades", date(2024, 3, 2), "BTCUSDT")
    assert keyless.archive.dataset(*NAME).is_file()
    with pytest.raises(
        VenueRefused, match="set TARDIS_API_KEY to a valid key: without one only the first day"
    ):
        keyless.archive.dataset(*second)
    assert bench.archive.dataset(*second).is_file()
    assert KEY not in caplog.text


def test_a_day_the_archive_does_not_have_is_missing_and_no_other(bench: Bench) -> None:
    with pytest.raises(MissingData, match=r"no trades of binance-futures BTCUSDT on 2024-01-01 \(404\)"):
        bench.archive.dataset("binance-futures", "trades", date(2024, 1, 1), "BTCUSDT")
    with pytest.raises(MissingData, match="found an empty file twice"):
        bench.archive.dataset("binance-futures", "trades", date(2024, 4, 1), "BTCUSDT")
    assert bench.archive.dataset(*NAME).is_file()
    assert not bench.told


def test_a_file_of_another_day_or_layout_is_refused(bench: Bench) -> None:
    with pytest.raises(
        BadData, match=r"the trades file of 2024-05-01 is of another day: .* found 2000 of 2000 rows"
    ):
        bench.archive.dataset("binance-futures", "trades", date(2024, 5, 1), "BTCUSDT")
    with pytest.raises(UnknownName, match="'trade' is not known"):
        bench.archive.dataset("binance-futures", "trade", DAY, "BTCUSDT")
    assert bench.files() == []


def test_a_file_with_some_rows_of_another_day_says_so(tmp_path: Path) -> None:
    lines = gzip.decompress(trades(40)).decode().splitlines(keepends=True)
    late = gzip.decompress(trades(7, date(2024, 3, 2))).decode().splitlines(keepends=True)[1:]
    served = data()
    served.shelf["binance-futures", "trades", "2024-03-01", "BTCUSDT"] = gzip.compress(
        "".join(lines + late).encode()
    )
    with Venue(served, NOW) as venue:
        bench = Bench(venue, tmp_path, None)
        path = bench.archive.dataset(*NAME)
    assert bench.told == [
        "trades of binance-futures BTCUSDT on 2024-03-01: 7 of 47 rows are of another day by the recorder's clock."
    ]
    assert bench.archive.manifest_of(path).beside == 7
    assert read_bytes(path).count(b"\n") == 48


def test_incidents_are_spans_in_which_the_venue_was_down(bench: Bench) -> None:
    found = bench.archive.incidents("binance-futures").evidence
    assert found["kind"].unique().to_list() == ["venue-down"]
    assert found["reason"].to_list() == [
        "tardis reports an outage of binance-futures",
        "tardis reports an outage of binance-futures: feed down",
    ]
    assert found["time"].to_list() == [datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, 1, tzinfo=UTC)]
    assert found["end"][1] == datetime(2024, 3, 1, 1, 20, tzinfo=UTC)
    assert found["end"][0] == datetime(2024, 2, 8, tzinfo=UTC), "no end was reported: a week is believed"
    with pytest.raises(MissingData, match="does not know exchange 'nowhere'"):
        bench.archive.incidents("nowhere")
    bench.venue.play("F6", how="object", kind="exchanges")
    with pytest.raises(BadAnswer, match="without incidentReports"):
        bench.archive.incidents("binance-futures")


def test_the_details_are_asked_again_after_an_error(bench: Bench) -> None:
    bench.venue.play("F2", how="status", kind="exchanges", times=1)
    assert bench.archive.incidents("binance-futures").evidence.height == 2
    bench.venue.play("F6", how="html", kind="exchanges", times=1)
    assert bench.archive.incidents("binance-futures").evidence.height == 2


def test_manifests_are_readable_by_others(bench: Bench) -> None:
    path = bench.archive.dataset(*NAME)
    kept = json.loads(path.with_name(path.name + ".manifest.json").read_text())
    assert (kept["day"], kept["rows"], kept["symbol"]) == ("2024-03-01", 2000, "BTCUSDT")
    assert KEY not in json.dumps(kept)
