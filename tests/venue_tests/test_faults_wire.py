"""F1–F6, F22, F23 and F30 as a plain HTTP client and ccxt see them."""

import gzip
import zlib
from datetime import timedelta

import ccxt
import httpx
import pytest

from tests.venue import FAULTS, Venue
from tests.venue_tests.clients import BARS, NAMES, NOW, client, data, fetch

EXCHANGES = list(NAMES)


@pytest.fixture(scope="module")
def running():
    with Venue(data(), NOW) as venue:
        yield venue


@pytest.fixture
def venue(running):
    yield running
    running.stop_faults()
    running.now = NOW
    running.clear()


def ready(venue, name):
    exchange = client(venue, name)
    exchange.load_markets()
    venue.clear()
    return exchange


def raw(venue, **more):
    """One page of candles over bare HTTP."""
    url = f"{venue.url}/coinbase/api/v3/brokerage/market/products/BTC-USD/candles"
    asked = {"granularity": "ONE_MINUTE", "start": 1735689600, "end": 1735690000}
    return httpx.get(url, params=asked, trust_env=False, **more)


def test_every_fault_has_a_number_and_a_sentence():
    assert list(FAULTS) == [f"F{k}" for k in range(1, 31)]
    assert all(len(spec.sentence) > 20 for spec in FAULTS.values())


def test_an_unknown_fault_or_argument_is_refused(venue):
    with pytest.raises(ValueError, match="F31"):
        venue.play("F31")
    with pytest.raises(ValueError, match="retry_later"):
        venue.play("F1", retry_later=3)


@pytest.mark.parametrize("status", [418, 429])
def test_f01_limits_so_many_requests_and_names_the_wait(venue, status):
    fault = venue.play("F1", kind="candles", times=2, status=status, retry_after=7)
    answers = [raw(venue) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["7", "7", None]
    assert fault.played == 2
    assert [seen.faults for seen in venue.requests] == [["F1"], ["F1"], []]


def test_f01_has_krakens_own_form_and_can_come_without_a_wait(venue):
    exchange = ready(venue, "kraken")
    venue.play("F1", form="body", times=1)
    with pytest.raises(ccxt.DDoSProtection):
        fetch(exchange, "kraken", 10)
    venue.play("F1", retry_after=None, times=1)
    assert "Retry-After" not in raw(venue).headers


def test_f02_breaks_in_three_ways(venue):
    exchange = ready(venue, "coinbase")
    venue.play("F2", how="status", status=502, times=1)
    with pytest.raises(ccxt.ExchangeNotAvailable):
        fetch(exchange, "coinbase", 10)
    venue.play("F2", how="reset", times=1)
    with pytest.raises(httpx.ReadError):
        raw(venue)
    venue.play("F2", how="timeout", seconds=5, times=1)
    with pytest.raises(httpx.ReadTimeout):
        raw(venue, timeout=0.2)
    assert raw(venue).status_code == 200


@pytest.mark.parametrize("status", [400, 401, 403, 404, 451])
def test_f03_refuses_for_good(venue, status):
    venue.play("F3", status=status)
    assert [raw(venue).status_code for _ in range(4)] == [status] * 4


def test_f04_is_maintenance_in_each_venues_form(venue):
    markets = {name: ready(venue, name) for name in EXCHANGES}
    venue.play("F4")
    for name, exchange in markets.items():
        with pytest.raises(ccxt.ExchangeNotAvailable):
            fetch(exchange, name, 10)
    assert raw(venue).status_code == 503
    assert markets["kraken"].fetch_status()["status"] == "maintenance"
    venue.stop_faults()
    assert fetch(markets["coinbase"], "coinbase", 10)


def test_f05_cuts_the_body_or_breaks_its_gzip(venue):
    venue.play("F5", how="cut")
    with pytest.raises(httpx.RemoteProtocolError):
        raw(venue)
    venue.play("F5", how="crc")
    with httpx.stream("GET", f"{venue.url}/kraken/0/public/Time", trust_env=False) as answer:
        body = b"".join(answer.iter_raw())
    with pytest.raises((gzip.BadGzipFile, zlib.error)):
        gzip.decompress(body)
    venue.play("F5", how="gzip")
    with httpx.stream("GET", f"{venue.url}/kraken/0/public/Time", trust_env=False) as answer:
        body = b"".join(answer.iter_raw())
    assert len(body) == int(answer.headers["Content-Length"]), "only the stream inside is too short"
    with pytest.raises(EOFError):
        gzip.decompress(body)


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("how", ["html", "empty", "object", "rows"])
def test_f06_is_an_empty_list_to_the_plain_client(venue, name, how):
    exchange = ready(venue, name)
    venue.play("F6", how=how)

    assert fetch(exchange, name, 10, first=5600) == []
    assert len(fetch(exchange, name, 10, first=5600)) == 10


def test_f06_renames_every_field(venue):
    venue.play("F6", how="renamed")
    assert set(raw(venue).json()["candles_v2"][0]) == {
        f"{name}_v2" for name in ("start", "low", "high", "open", "close", "volume")
    }


@pytest.mark.parametrize("name", EXCHANGES)
def test_f22_moves_the_servers_clock_and_what_it_calls_closed(venue, name):
    exchange = ready(venue, name)
    venue.play("F22", seconds=45)

    assert exchange.fetch_time() == int((NOW + timedelta(seconds=45)).timestamp()) * 1000
    assert raw(venue).headers["Date"] == "Sun, 05 Jan 2025 02:21:15 GMT"
    rows = fetch(exchange, name, 10, first=BARS - 105)
    assert rows[-1][0] == int(NOW.timestamp() - 30) * 1000 + (0 if name == "alpaca" else 60_000)


def test_f23_time_has_passed_when_the_machine_wakes(venue):
    before = client(venue, "kraken").fetch_time()
    venue.play("F23", seconds=3 * 3600 + 12 * 60)

    assert client(venue, "kraken").fetch_time() - before == 11_520_000


@pytest.mark.parametrize("status", [403, 418])
def test_f30_bans_every_request_from_now_on(venue, status):
    assert raw(venue).status_code == 200
    venue.play("F30", status=status, venue="coinbase")

    assert {raw(venue).status_code for _ in range(5)} == {status}
    assert "blocked" in raw(venue).text
    assert client(venue, "kraken").fetch_time(), "other venues are not concerned"


def test_faults_wait_their_turn_and_touch_only_what_they_are_meant_for(venue):
    venue.play("F2", kind="candles", match="start=1735689600", after=1, times=1)

    assert client(venue, "coinbase").fetch_time()
    assert [raw(venue).status_code for _ in range(3)] == [200, 500, 200]


def test_faults_are_played_over_http_too(venue):
    control = f"{venue.url}/_control"
    assert httpx.post(control, json={"play": "F3", "status": 404}, trust_env=False).json()["playing"] == [
        "F3"
    ]
    assert raw(venue).status_code == 404
    assert "F31" in httpx.post(control, json={"play": "F31"}, trust_env=False).json()["error"]
    httpx.post(control, json={"stop": True, "now": "2025-01-02T00:00:00+00:00"}, trust_env=False)
    assert raw(venue).headers["Date"] == "Thu, 02 Jan 2025 00:00:00 GMT"
    told = httpx.get(f"{venue.url}/_requests", trust_env=False).json()
    assert [row["status"] for row in told] == [404, 200]
    assert told[0]["query"]["granularity"] == "ONE_MINUTE"


def test_only_the_local_machine_is_listened_to(venue):
    assert venue._listener.server_address[0] == "127.0.0.1"
