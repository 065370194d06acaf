"""Sending: what is waited for, what is tried again, what is given up, and what a person reads. Real sockets."""

import gzip
import multiprocessing
import threading
import time
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.errors import BadAnswer, RateLimited, VenueDown, VenueError, VenueRefused
from resources.clock import Clock
from resources.venues.classify import Kind
from resources.venues.gate import LINES, Gate
from resources.venues.redact import never_say
from resources.venues.transport import Request, Transport
from tests.resources.venues.scripted import START, FakeClock, Scripted, reply

PAGE = reply(403, b"<html><title>Access denied</title></html>", content_type="text/html")
MAINTENANCE = reply(503, b"<html>We are down for scheduled maintenance</html>", content_type="text/html")
FINE = reply()


class Road:
    """A transport with a fake clock, and what it said."""

    def __init__(
        self, folder: Path, clock: Clock | None = None, venue: str = "coinbase", **options: float
    ) -> None:
        self.clock = clock or FakeClock()
        self.said: list[str] = []
        options = {"requests_per_second": 10.0, "timeout": 2.0, **options}
        self.transport = Transport(
            venue, Gate(folder, venue), self.clock, self.said.append, jitter=lambda: 0.5, **options
        )

    def get(self, url: str) -> bytes:
        return self.transport.send(Request("GET", url)).body


@pytest.mark.parametrize("after", ["20", "Wed, 04 Mar 2026 12:03:20 GMT"], ids=["seconds", "date"])
def test_retry_after_is_obeyed_and_said(tmp_path: Path, after: str) -> None:
    road = Road(tmp_path)
    road.transport.progress = "4,120 of 9,000 pages done"
    with Scripted([reply(429, retry_after=after), FINE], road.clock) as server:
        assert road.get(server.url) == b'{"ok":1}'
    first, second = server.times
    assert first is not None
    assert second is not None
    assert second - first >= timedelta(seconds=20)
    assert second - first < timedelta(seconds=21)
    assert road.said[0] == (
        "coinbase is rate-limiting us (HTTP 429): resuming 12:03:20 UTC, 4,120 of 9,000 pages done."
    )
    assert len(road.said) == 2
    assert road.said[1].startswith("coinbase answers again after 0:00:2")


def test_all_workers_wait_for_the_429_of_one(tmp_path: Path) -> None:
    """Seven workers with their own transports, side by side: none asks before the time that an eighth was told."""
    clock = FakeClock()
    roads = [Road(tmp_path, clock) for _ in range(7)]
    Gate(tmp_path, "coinbase").block(START, START, Kind.LIMITED, "is rate-limiting us", 30)
    with Scripted([FINE], clock) as server:
        workers = [threading.Thread(target=road.get, args=(server.url,)) for road in roads]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(20)
    assert len(server.requests) == 7
    assert all(at is not None and at >= START + timedelta(seconds=30) for at in server.times)
    assert 1 <= sum(len(road.said) for road in roads) <= LINES


def test_a_wait_too_long_is_an_error_that_names_the_time(tmp_path: Path) -> None:
    road = Road(tmp_path)
    with Scripted([reply(429, retry_after="3600")], road.clock) as server:
        with pytest.raises(RateLimited, match=r"resuming 13:03:00 UTC.*longer than the 15 minutes"):
            road.get(server.url)
        with pytest.raises(RateLimited, match="resuming 13:03:00 UTC"):
            road.get(server.url)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "after", ["9" * 20, "9" * 400, "3600000", "Fri, 31 Dec 9999 23:59:59 GMT", "31536000"]
)
@pytest.mark.parametrize(
    ("status", "body", "hours", "resumes"),
    [
        (503, b"{}", 1, "13:03:00"),
        (500, b"{}", 1, "13:03:00"),
        (429, b"{}", 24, "2026-03-05 12:03:00"),
        (403, b"<html>", 24, "2026-03-05 12:03:00"),
    ],
)
def test_an_absurd_retry_after_shuts_nobody_out(
    tmp_path: Path, after: str, status: int, body: bytes, hours: int, resumes: str
) -> None:
    """It is obeyed for an hour, or a day where we did wrong; a person reads that the venue asked for more."""
    road = Road(tmp_path)
    with Scripted([reply(status, body, retry_after=after), FINE], road.clock) as server:
        for moment in (START, START + timedelta(hours=hours / 2)):
            road.clock.at = moment
            with pytest.raises(VenueError, match=rf"{resumes} UTC \(it asked for longer\)"):
                road.get(server.url)
        assert len(server.requests) == 1
        road.clock.at = START + timedelta(hours=hours, seconds=1)
        assert road.get(server.url) == b'{"ok":1}'


def test_a_moment_of_another_day_is_said_with_its_date(tmp_path: Path) -> None:
    road = Road(tmp_path)
    with (
        Scripted([reply(429, retry_after="43200")], road.clock) as server,
        pytest.raises(RateLimited, match="resuming 2026-03-05 00:03:00 UTC; that is longer"),
    ):
        road.get(server.url)


def test_endless_429_ends_after_five_tries_with_growing_waits(tmp_path: Path) -> None:
    road = Road(tmp_path)
    with Scripted([reply(429)], road.clock) as server, pytest.raises(RateLimited, match="said so 5 times"):
        road.get(server.url)
    assert len(server.requests) == 5
    times = [at for at in server.times if at]
    waits = [(b - a).total_seconds() for a, b in pairwise(times)]
    assert waits == sorted(waits)
    assert waits[0] >= 1.0
    assert len(road.said) <= LINES


@pytest.mark.parametrize("status", [400, 401, 403, 404, 451])
def test_permanent_errors_get_one_attempt(tmp_path: Path, status: int) -> None:
    road = Road(tmp_path)
    body = b'{"error":"nope"}'
    with (
        Scripted([reply(status, body)], road.clock) as server,
        pytest.raises(
            VenueRefused, match=rf"^coinbase refuses it with HTTP {status}: .*nope.*GET http"
        ) as error,
    ):
        road.get(server.url + "/candles?symbol=BTC")
    assert len(server.requests) == 1
    assert road.clock.slept == []
    remedy = {400: "span", 401: "key", 403: "country", 404: "symbol", 451: "country"}[status]
    assert remedy in str(error.value)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(reply(500), id="500"),
        pytest.param(reply(502, b"<html>"), id="502"),
        pytest.param(b"", id="reset"),
        pytest.param(reply(body=b'{"a":1}', length=50), id="shorter than its length"),
        pytest.param(reply(body=gzip.compress(b'{"a":1}')[:-4], content_encoding="gzip"), id="gzip cut off"),
        pytest.param(
            reply(body=gzip.compress(b'{"a":1}')[:-8] + b"x" * 8, content_encoding="gzip"), id="gzip CRC"
        ),
        pytest.param(reply(body=b""), id="empty"),
        pytest.param(reply(body=b"<html>hello</html>"), id="html"),
        pytest.param(reply(body=b'{"a":[1,2'), id="cut JSON"),
        pytest.param(reply(body=b'{"error":["EService:Busy"]}'), id="kraken busy"),
    ],
)
def test_passing_faults_are_tried_again_at_most_five_times(tmp_path: Path, bad: bytes) -> None:
    road = Road(tmp_path)
    with Scripted([bad, bad, FINE], road.clock) as server:
        assert road.get(server.url) == b'{"ok":1}'
        assert len(server.requests) == 3
    assert "(2/5)" in road.said[0]
    assert "(3/5)" in road.said[1]

    road = Road(tmp_path / "second")
    with (
        Scripted([bad], road.clock) as server,
        pytest.raises((VenueDown, BadAnswer), match="the last of 5 tries"),
    ):
        road.get(server.url)
    assert len(server.requests) == 5
    assert len(road.said) <= LINES


def test_a_damaged_answer_is_said_to_be_fetched_again(tmp_path: Path) -> None:
    road = Road(tmp_path)
    body = gzip.compress(b'{"a":1}')[:-4]
    with Scripted([reply(body=body, content_encoding="gzip"), FINE], road.clock) as server:
        road.get(server.url)
    assert "damaged in transit, fetched again (2/5)" in road.said[0]


def test_a_timeout_is_tried_again(tmp_path: Path) -> None:
    def slow(_: str) -> bytes:
        time.sleep(0.6)
        return FINE

    road = Road(tmp_path, timeout=0.2)
    with Scripted([slow, FINE], road.clock) as server:
        assert road.get(server.url) == b'{"ok":1}'
    assert "did not answer within 0.2 s" in road.said[0]


def test_a_body_that_drips_for_ever_is_given_up(tmp_path: Path) -> None:
    """Each byte is in time, the whole is not: only a bound on the whole answer ends it."""
    from resources.venues.wire import Fault, exchange, open_client

    class Slow(FakeClock):
        def monotonic(self) -> float:
            self.sleep(1.0)
            return self.at.timestamp()

    with Scripted([reply(body=b"x" * 100_000)]) as server, open_client(0.1) as client:
        found = exchange(client, Request("GET", server.url), Slow(), 0.05)
    assert isinstance(found, Fault)
    assert "too slowly" in found.what


def test_nobody_listening(tmp_path: Path) -> None:
    road = Road(tmp_path)
    with Scripted([FINE]) as server:
        url = server.url
    with pytest.raises(VenueDown, match=r"could not be reached.*run the same command again"):
        road.get(url)


def test_the_circuit_opens_closes_and_probes(tmp_path: Path) -> None:
    """Ten failures in a row stop every worker for a minute; then one probe, then the venue is back."""
    road, other = Road(tmp_path), Road(tmp_path, venue="coinbase")
    other.clock = other.transport.clock = road.clock
    with Scripted([reply(500)] * 11 + [FINE], road.clock) as server:
        for _ in range(2):
            with pytest.raises(VenueDown):
                road.get(server.url)
        assert len(server.requests) == 10
        for each in (road, other):
            with pytest.raises(VenueDown, match=r"failed 10 requests in a row since 2026-03-04 12:03 UTC"):
                each.get(server.url)
        assert len(server.requests) == 10
        road.clock.sleep(61)
        with pytest.raises(VenueDown, match="failed 11 requests in a row"):
            road.get(server.url)
        with pytest.raises(VenueDown):
            other.get(server.url)
        assert len(server.requests) == 11
        road.clock.sleep(901)
        assert other.get(server.url) == b'{"ok":1}'
        assert road.get(server.url) == b'{"ok":1}'
    assert len(road.said) + len(other.said) <= LINES
    assert other.said[-1].startswith("coinbase answers again")


@pytest.mark.parametrize(
    "down",
    [
        pytest.param(MAINTENANCE, id="503 page"),
        pytest.param(reply(body=b'{"error":["EService:Unavailable"]}'), id="kraken"),
        pytest.param(reply(503, retry_after="900"), id="503 that asks for a long rest"),
    ],
)
def test_maintenance_is_one_request_one_sentence(tmp_path: Path, down: bytes) -> None:
    road = Road(tmp_path)
    road.transport.progress = "3 symbols waiting"
    with Scripted([down], road.clock) as server:
        for _ in range(50):
            with pytest.raises(VenueDown, match=r"since 2026-03-04 12:03 UTC; 3 symbols waiting"):
                road.get(server.url)
    assert len(server.requests) == 1
    assert len(road.said) == 1


def test_maintenance_keeps_its_beginning_until_an_answer(tmp_path: Path) -> None:
    road = Road(tmp_path)
    with Scripted([MAINTENANCE, MAINTENANCE, FINE], road.clock) as server:
        for _ in range(2):
            with pytest.raises(VenueDown, match="in maintenance since 2026-03-04 12:03 UTC"):
                road.get(server.url)
            road.clock.sleep(120)
        road.get(server.url)
        assert Gate(tmp_path, "coinbase").incident(road.clock.now()) is None


@pytest.mark.parametrize(
    "ban",
    [
        pytest.param(PAGE, id="403 page"),
        pytest.param(reply(418, b"{}"), id="418"),
        pytest.param(reply(body=b'{"error":["EGeneral:Temporary lockout"]}'), id="kraken lockout"),
    ],
)
def test_a_ban_stops_every_worker_with_one_sentence(tmp_path: Path, ban: bytes) -> None:
    clock = FakeClock()
    roads = [Road(tmp_path, clock) for _ in range(10)]
    with Scripted([ban], clock) as server:
        for _ in range(20):
            for road in roads:
                with pytest.raises(VenueRefused, match="every worker stopped asking"):
                    road.get(server.url)
    assert len(server.requests) == 1
    assert sum(len(road.said) for road in roads) == 1


def test_requests_keep_their_distance_across_transports(tmp_path: Path) -> None:
    """No second holds more than its share, whoever asks; heavy requests count by their cost."""
    clock = FakeClock()
    roads = [Road(tmp_path, clock, requests_per_second=4) for _ in range(3)]
    with Scripted([FINE], clock) as server:
        for turn in range(12):
            roads[turn % 3].get(server.url)
        roads[0].transport.send(Request("GET", server.url), cost=8)
        roads[1].get(server.url)
    times = [at for at in server.times if at]
    gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
    assert min(gaps[:12]) == pytest.approx(0.25)
    assert gaps[12] == pytest.approx(2.0)


def test_posts_that_are_no_reads_get_one_attempt(tmp_path: Path) -> None:
    road = Road(tmp_path)
    with Scripted([reply(500)], road.clock) as server:
        with pytest.raises(VenueDown):
            road.transport.send(Request("POST", server.url + "/0/private/AddOrder", body=b"{}"))
        assert len(server.requests) == 1
        with pytest.raises(VenueDown):
            road.transport.send(Request("POST", server.url + "/info", body=b"{}"))
        assert len(server.requests) == 6


def test_no_secret_is_ever_said(tmp_path: Path) -> None:
    """Keys in headers, in the query, and echoed by the venue in its error."""
    road = Road(tmp_path)
    secret, key = "s3cr3t-value-of-key", "AKIAXXXXXXXX"
    body = f'{{"message":"bad key {key} for {secret}"}}'.encode()
    request = "/x?symbol=BTC&signature=abcdef123456&apiKey=AKIAXXXXXXXX"
    headers = {"APCA-API-KEY-ID": key, "Authorization": f"Bearer {secret}"}
    for answer in (reply(401, body), reply(500, body), PAGE):
        with Scripted([answer], road.clock) as server, pytest.raises(VenueError) as error:
            road.transport.send(Request("GET", server.url + request, headers))
        told = " ".join([str(error.value), *road.said])
        assert "symbol=BTC" in told or answer is PAGE
        assert not [x for x in (secret, key, "abcdef123456") if x in told]
        kept = "".join(path.read_text() for path in tmp_path.iterdir())
        assert not [x for x in (secret, key, "abcdef123456") if x in kept]


@pytest.mark.parametrize("name", ["OK-ACCESS-KEY", "CB-ACCESS-KEY", "Rest-Key", "X-Anything"])
@pytest.mark.parametrize("before", range(90, 124, 3))
def test_a_key_that_the_venue_repeats_is_not_said_even_when_its_answer_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, before: int
) -> None:
    """A sentence holds the first 120 characters of an answer; a key that ends after them is half a key."""
    monkeypatch.setattr("resources.venues.redact._known", set())
    road, key = Road(tmp_path), "1a2b3c4d-secret-key-9f"
    if name == "X-Anything":
        never_say([key])  # nothing but its value tells that this one is a secret
    said = f'{{"msg":"{"x" * (before - 8)}{key}"}}'.encode()
    with Scripted([reply(401, said)], road.clock) as server, pytest.raises(VenueRefused) as error:
        road.transport.send(Request("GET", server.url, {name: key}))
    assert "1a2b3c" not in str(error.value)
    assert "xxx" in str(error.value)


def _ask(folder: Path, url: str, times: "multiprocessing.Queue[float]") -> None:
    transport = Transport(
        "kraken", Gate(folder, "kraken"), Clock(), lambda _: None, requests_per_second=100, timeout=5
    )
    for _ in range(10):
        transport.send(Request("GET", url))
        times.put(time.time())


def test_processes_share_the_gate(tmp_path: Path) -> None:
    """Three processes, real time: no request between the 429 and its Retry-After; the rate holds over all."""
    stop = reply(429, retry_after="1")
    with Scripted([FINE] * 8 + [stop] + [FINE], Clock()) as server:
        context = multiprocessing.get_context("fork")
        queue: multiprocessing.Queue[float] = context.Queue()
        workers = [context.Process(target=_ask, args=(tmp_path, server.url, queue)) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert [worker.exitcode for worker in workers] == [0, 0, 0]
    times: list[datetime] = [at for at in server.times if at]
    assert len(times) == 31
    gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
    after = times[8]
    in_flight = [at for at in times[9:] if at < after + timedelta(seconds=0.9)]
    assert len(in_flight) <= 2, gaps  # at most what the other two had already sent
    assert max(gaps) >= 0.9
