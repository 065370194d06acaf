"""tardis-dev and tardis-client against the venue: datasets, replay and exchange details."""

import asyncio
import gzip
import json
import urllib.error
from datetime import UTC, datetime

import httpx
import pytest
from tardis_client import Channel as OldChannel
from tardis_client import TardisClient
from tardis_dev import Channel, download_datasets, get_exchange_details, replay

from tests.venue import Venue, VenueData
from tests.venue_tests.clients import gathered

DAY = "2024-03-02"
FREE = "2024-03-01"
SECOND = 10**9
NOON = int(datetime(2024, 3, 2, 12, tzinfo=UTC).timestamp()) * SECOND
FROM, TO = "2024-03-02T12:00:00", "2024-03-02T12:30:00"
HEADER = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"
CSV = HEADER + "".join(f"deribit,BTC-PERPETUAL,{k},{k},{k},buy,1.5,2\n" for k in range(50))


def message(k: int) -> tuple[int, bytes]:
    name, stream = ("btcusdt", "trade") if k % 2 else ("ethusdt", "bookTicker")
    body = {"stream": f"{name}@{stream}", "data": {"s": name.upper(), "u": k, "b": "1.0", "a": "2.0"}}
    return NOON + k * SECOND + 32_427_200, json.dumps(body).encode()


@pytest.fixture(scope="module")
def venue():
    files = {
        ("deribit", "trades", day, symbol): gzip.compress(CSV.encode())
        for day in (DAY, FREE)
        for symbol in ("BTC-PERPETUAL", "BTC/USD")
    }
    files["deribit", "trades", "2024-03-03", "BTC-PERPETUAL"] = b""
    incidents = {"deribit": [{"from": FROM, "to": TO, "status": "resolved", "details": "lost"}]}
    captures = {"binance-futures": [message(k) for k in range(1800)]}
    data = VenueData(tardis_files=files, captures=captures, incidents=incidents)
    with Venue(data, datetime(2024, 3, 5, tzinfo=UTC), tardis_key="right") as running:
        yield running


def download(venue, folder, symbol="btc-perpetual", start=DAY, end="2024-03-03", key="right"):
    download_datasets(
        exchange="deribit",
        data_types=["trades"],
        symbols=[symbol],
        from_date=start,
        to_date=end,
        api_key=key,
        download_dir=str(folder),
        endpoint=f"{venue.url}/datasets/v1",
    )
    return {path.name: gzip.decompress(path.read_bytes()).decode() for path in folder.iterdir()}


def test_a_dataset_is_served_byte_for_byte_under_its_upper_case_name(venue, tmp_path):
    assert download(venue, tmp_path) == {"deribit_trades_2024-03-02_BTC-PERPETUAL.csv.gz": CSV}


def test_a_slash_in_a_symbol_is_a_dash_in_its_address(venue, tmp_path):
    assert list(download(venue, tmp_path, "btc/usd").values()) == [CSV]


def test_a_day_without_data_is_an_empty_gzip(venue, tmp_path):
    assert list(download(venue, tmp_path, start="2024-03-03", end="2024-03-04").values()) == [""]


def test_an_absent_day_is_404_and_asked_once(venue, tmp_path):
    venue.clear()

    with pytest.raises(urllib.error.HTTPError) as error:
        download(venue, tmp_path, start="2024-03-04", end="2024-03-05")

    assert error.value.code == 404
    assert len(venue.requests) == 1


@pytest.mark.parametrize("key", ["", "wrong"])
def test_only_the_first_day_of_a_month_is_free(venue, tmp_path, key):
    with pytest.raises(urllib.error.HTTPError) as error:
        download(venue, tmp_path / "paid", key=key)

    assert error.value.code == 401
    assert len(download(venue, tmp_path, start=FREE, end=DAY, key="")) == 1


def test_details_tell_symbols_and_incidents(venue):
    details = get_exchange_details("deribit", endpoint=f"{venue.url}/tardis/v1")

    assert [row["details"] for row in details["incidentReports"]] == ["lost"]
    assert {row["id"] for row in details["datasets"]["symbols"]} == {"BTC-PERPETUAL", "BTC-USD"}


def newer(venue, folder, channels=(("trade", ["btcusdt"]),), **more):
    filters = [Channel(name, symbols) for name, symbols in channels]
    return gathered(
        replay(
            "binance-futures", FROM, TO, filters, api_key="right", cache_dir=str(folder),
            endpoint=f"{venue.url}/tardis/v1", **more,
        )
    )  # fmt: skip


def older(venue, folder, channels=(("trade", ["btcusdt"]),), **more):
    client = TardisClient(f"{venue.url}/tardis", str(folder), api_key="right")
    filters = [OldChannel(name, symbols) for name, symbols in channels]
    return gathered(client.replay("binance-futures", FROM, TO, filters, **more))


@pytest.mark.parametrize("read", [newer, older])
def test_every_message_is_replayed_once_in_order_with_its_local_time(venue, tmp_path, read):
    found = read(venue, tmp_path)

    assert [row.message["data"]["u"] for row in found] == list(range(1, 1800, 2))
    assert found[0].local_timestamp.replace(tzinfo=UTC) == datetime(2024, 3, 2, 12, 0, 1, 32427, tzinfo=UTC)


def test_both_clients_read_the_same(venue, tmp_path):
    def bare(rows):
        return [(row.local_timestamp.replace(tzinfo=None), row.message) for row in rows]

    assert bare(newer(venue, tmp_path / "a")) == bare(older(venue, tmp_path / "b"))


def test_the_newer_client_is_told_to_take_larger_slices_and_gets_zstd(venue, tmp_path):
    venue.clear()
    newer(venue, tmp_path)

    sizes = [int(seen.query.get("sliceSize", 1)) for seen in venue.of_kind("replay")]
    assert sum(sizes) == 30
    assert max(sizes) == 10
    assert list(tmp_path.rglob("*.zst"))


def test_gzip_can_be_asked_for(venue, tmp_path):
    assert len(newer(venue, tmp_path, compression="gzip")) == 900
    assert not list(tmp_path.rglob("*.zst"))


@pytest.mark.parametrize("read", [newer, older])
def test_a_gap_is_a_disconnect_with_its_messages_missing(venue, tmp_path, read):
    fault = venue.play("F19", start=datetime(2024, 3, 2, 12, 10, 5, tzinfo=UTC), seconds=20)
    try:
        found = read(venue, tmp_path, with_disconnects=True)
    finally:
        venue.stop_faults(fault)

    at = found.index(None)
    assert [found[at - 1].message["data"]["u"], found[at + 1].message["data"]["u"]] == [603, 625]
    assert found.count(None) == 1


def test_a_channel_that_the_exchange_does_not_have_is_refused(venue):
    """As the archive does: an empty slice would look like minutes without a message."""
    query = {"from": FROM, "filters": json.dumps([{"channel": "trades", "symbols": ["btcusdt"]}])}
    answer = httpx.get(
        f"{venue.url}/tardis/v1/data-feeds/binance-futures",
        params=query,
        headers={"Authorization": "Bearer right"},
        trust_env=False,
    )
    assert answer.status_code == 400
    assert "no channel trades: expected one of bookTicker, trade" in answer.json()["message"]
    details = get_exchange_details("binance-futures", endpoint=f"{venue.url}/tardis/v1")
    assert details["availableChannels"] == ["bookTicker", "trade"]


def test_a_future_minute_is_not_there_yet(venue):
    async def ask():
        client = TardisClient(f"{venue.url}/tardis", "/nowhere", api_key="right")
        async for _ in client.replay("binance-futures", "2024-03-05T00:00:00", "2024-03-05T00:01:00", []):
            pass

    with pytest.raises(urllib.error.HTTPError) as error:
        asyncio.run(ask())
    assert error.value.code == 400
