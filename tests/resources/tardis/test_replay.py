"""Messages through both real clients from a real server: all of them, in order, verified before they are seen."""

import gzip
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.errors import BadAnswer, BadSpan, RateLimited, VenueDown, VenueRefused
from pipelines.market.venue_settings import ENGINES, TardisSettings
from resources.tardis import Archive
from resources.tardis.engines import Channel, Feed
from resources.tardis.slices import read_slice
from tests.resources.tardis.fixtures import KEY, START, FastClock, data
from tests.resources.tardis.test_datasets import NOW
from tests.venue import Venue

END = START + timedelta(minutes=5)
CHANNELS = [Channel("trade", ("btcusdt",))]


class Bench:
    def __init__(self, venue: Venue, folder: Path, engine: str, key: str | None = KEY) -> None:
        self.venue, self.folder, self.clock = venue, folder, FastClock()
        self.told: list[str] = []
        settings = TardisSettings(
            engine=engine, api_url=f"{venue.url}/tardis/v1", datasets_url=f"{venue.url}/datasets/v1"
        )
        self.archive = Archive(settings, key, folder, self.clock, self.told.append)

    def ids(self) -> list[int | None]:
        found = self.archive.replay("binance-futures", CHANNELS, START, END)
        return [message and message["data"]["t"] for _, message in found]


@pytest.fixture(params=ENGINES)
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    with Venue(data(), NOW, tardis_key=KEY) as venue:
        yield Bench(venue, tmp_path, request.param)


WHOLE = [*range(151), None, *range(151, 300)]


def test_every_message_comes_once_in_order_with_its_time_and_exact_numbers(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    found = list(bench.archive.replay("binance-futures", CHANNELS, START, END))
    assert [message and message["data"]["t"] for _, message in found] == WHOLE
    assert found[7][0] == START + timedelta(seconds=7)
    assert found[7][1]["data"]["q"] == "0.10"
    assert KEY not in caplog.text
    agents = {seen.headers["user-agent"].split("/")[0] for seen in bench.venue.of_kind("replay")}
    assert agents == {bench.archive.settings.engine}
    assert not bench.told
    assert not [path for path in bench.folder.rglob("*") if "gate" not in path.parts and path.is_file()]


def test_longer_spans_are_fetched_hour_by_hour(bench: Bench) -> None:
    found = bench.archive.replay("binance-futures", CHANNELS, START - timedelta(minutes=58), END)
    assert sum(1 for _, message in found if message) == 300


@pytest.mark.parametrize("fault", [{"how": "cut"}, {"how": "gzip"}, {"how": "crc"}])
def test_f05_a_damaged_slice_is_fetched_again(bench: Bench, fault: dict[str, str]) -> None:
    bench.venue.play("F5", kind="replay", times=2, after=1, **fault)
    assert bench.ids() == WHOLE
    assert "file damaged in transit, fetched again (2/5)" in bench.told[0]
    assert len(bench.told) <= 5


def test_f06_a_web_page_or_nothing_is_no_slice(bench: Bench) -> None:
    bench.venue.play("F6", how="html", kind="replay", times=1)
    bench.venue.play("F6", how="empty", kind="replay", times=1, after=4)
    assert bench.ids() == WHOLE
    assert bench.told


def test_f02_server_errors_are_bounded_and_told(bench: Bench) -> None:
    bench.venue.play("F2", how="status", status=502, kind="replay", times=2)
    assert bench.ids() == WHOLE
    assert "tardis answered HTTP 502" in bench.told[0]
    bench.venue.play("F2", how="status", status=502, kind="replay", times=None)
    with pytest.raises(
        VenueDown,
        match="the last of 5 tries of messages of binance-futures from 2024-03-01 00:00 to 00:05 UTC",
    ):
        bench.ids()


def test_f01_a_rate_limit_stops_every_request_until_its_end(bench: Bench) -> None:
    bench.venue.play("F1", retry_after=40, kind="replay", times=1)
    assert bench.ids() == WHOLE
    slept = max(bench.clock.slept)
    assert slept >= (
        39 if bench.archive.settings.engine == "tardis-dev" else 60
    )  # the older client hides the header
    assert "tardis is rate-limiting us (HTTP 429): resuming" in bench.told[0]


def test_f01_a_long_limit_is_not_waited_for(bench: Bench) -> None:
    if bench.archive.settings.engine == "tardis-dev":
        bench.venue.play("F1", retry_after=5000, kind="replay", times=1)
        with pytest.raises(RateLimited, match="longer than the 15 minutes"):
            bench.ids()
    else:
        bench.venue.play("F1", retry_after=None, kind="replay", times=None)
        with pytest.raises(RateLimited, match="it said so 5 times"):
            bench.ids()


@pytest.mark.parametrize("status", [400, 401])
def test_f03_a_refusal_is_asked_once(bench: Bench, status: int) -> None:
    bench.venue.play("F3", status=status, kind="replay", message=f"not with {KEY}")
    with pytest.raises(VenueRefused, match=f"HTTP {status}") as refused:
        bench.ids()
    assert KEY not in str(refused.value)
    assert len(bench.venue.of_kind("replay")) <= 5  # side by side in one burst of the engine, and never again


def test_a_span_that_is_not_of_whole_minutes_is_refused(bench: Bench) -> None:
    for start, end in ((START, START), (START + timedelta(seconds=1), END)):
        with pytest.raises(BadSpan, match="expected whole minutes"):
            next(iter(bench.archive.replay("binance-futures", CHANNELS, start, end)))


def test_whoever_stops_reading_leaves_nothing_behind(bench: Bench) -> None:
    reading = bench.archive.replay("binance-futures", CHANNELS, START, END)
    assert next(reading)[1] is not None
    reading.close()  # type: ignore[attr-defined]
    assert not [path for path in bench.folder.iterdir() if path.name.startswith(".replay-")]


def test_a_message_of_another_time_is_no_answer(tmp_path: Path) -> None:
    slice_file = tmp_path / "00.json.gz"
    slice_file.write_bytes(
        gzip.compress(b"2024-03-01T00:00:01.0000000Z {}\n2024-03-01T00:07:00.0000000Z {}\n")
    )
    messages = read_slice(slice_file, Feed("deribit", (), START, END))
    assert next(messages) == (START + timedelta(seconds=1), {})
    with pytest.raises(BadAnswer, match="a message of 2024-03-01 00:07:00 UTC of deribit: expected one from"):
        next(messages)
