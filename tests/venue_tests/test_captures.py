"""The raw captures through the replay API: every message of the exchange arrives, unchanged and in order."""

import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from tardis_client import TardisClient
from tardis_dev import Channel, replay

from tests.venue import Venue
from tests.venue.captures import about, exchange_of
from tests.venue_tests.clients import gathered

pytestmark = pytest.mark.real
BINANCE = ["binance_usdm_btcusdt_20240718.gz", "binance_usdm_btcusdt_20240719.gz"]


def raw_lines(path):
    with gzip.open(path) as rows:
        return [(int(ns), message.rstrip(b"\n")) for ns, _, message in (row.partition(b" ") for row in rows)]


@pytest.fixture(scope="module")
def folder():
    from tests.conftest import SHARED

    if not SHARED.is_dir():
        pytest.skip(f"no real market data at {SHARED}")
    return SHARED / "raw_feeds"


@pytest.fixture(scope="module")
def venue(folder):
    with Venue(folder) as running:
        yield running


def newer(venue, folder, exchange, start, end, channels=()):
    filters = [Channel(name, symbols) for name, symbols in channels]
    return gathered(
        replay(exchange, start, end, filters, api_key="k", cache_dir=str(folder), endpoint=f"{venue.url}/tardis/v1",
               decode_response=False)
    )  # fmt: skip


def test_binance_arrives_message_by_message(venue, folder, tmp_path):
    sent = [line for name in BINANCE for line in raw_lines(folder / name)]
    channels = [(name, ["btcusdt"]) for name in ("depth", "trade", "bookTicker", "depthSnapshot")]
    found = newer(venue, tmp_path, "binance-futures", "2024-07-18T23:57:00", "2024-07-19T00:06:00", channels)

    assert len(found) == len(sent) == 11414 + 60570
    for (ns, message), (stamp, text) in zip(sent, found, strict=True):
        assert len(stamp) == 28
        seconds = datetime.fromisoformat(stamp[:19].decode()).replace(tzinfo=UTC).timestamp()
        assert int(seconds) * 10**9 + int(stamp[20:27]) * 100 == ns // 100 * 100
        if message.startswith(b'{"lastUpdateId"'):
            assert json.loads(text)["data"] == json.loads(message)
            assert json.loads(text)["stream"] == "btcusdt@depthSnapshot"
        else:
            assert text.rstrip(b"\n") == message


def test_binance_update_ids_have_no_gap(venue, tmp_path):
    found = newer(
        venue,
        tmp_path,
        "binance-futures",
        "2024-07-18T23:57:00",
        "2024-07-19T00:06:00",
        [("depth", ["btcusdt"])],
    )
    updates = [json.loads(row.message)["data"] for row in found]

    assert all(b["pu"] == a["u"] for a, b in pairwise(updates))


def test_hyperliquid_arrives_through_the_older_client(venue, folder, tmp_path):
    sent = raw_lines(folder / "hyperliquid_l2book_btc_20250126.gz")
    client = TardisClient(f"{venue.url}/tardis", str(tmp_path), api_key="k")
    found = gathered(client.replay("hyperliquid", "2025-01-26T19:14:00", "2025-01-26T19:15:00", []))

    assert [row.message for row in found] == [json.loads(message) for _, message in sent]


@pytest.mark.parametrize(
    ("exchange", "start", "counts"),
    [
        ("coinbase", "2026-08-09T21:05:00", {"l2_data", "market_trades", "ticker", "candles", "heartbeats"}),
        ("kraken", "2021-04-17T16:48:00", {"book", "trade", "ticker"}),
    ],
)
def test_cryptofeeds_captures_are_replayed_by_channel(venue, tmp_path, exchange, start, counts):
    end = datetime.fromisoformat(start).replace(minute=datetime.fromisoformat(start).minute + 2).isoformat()
    found = Counter(about(row.message)[0] for row in newer(venue, tmp_path, exchange, start, end))

    assert counts <= set(found)


ABOUT = {
    b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","data":[{"s":"BTCUSDT"}]}': ("publicTrade", "BTCUSDT"),
    b'{"topic":"orderbook.500.XRPUSDT","type":"delta","data":{}}': ("orderbook.500", "XRPUSDT"),
    b'{"type":"match","trade_id":1,"product_id":"BTC-USD","side":"sell"}': ("match", "BTC-USD"),
    b'{"channel":"book","type":"update","data":[{"symbol":"BTC/USD"}]}': ("book", "BTC/USD"),
    b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTC-PERPETUAL.raw","data":{}}}': (
        "book",
        "BTC-PERPETUAL",
    ),
    b'{"type":"subscriptions","channels":[]}': ("", ""),
}


@pytest.mark.parametrize(("message", "said"), list(ABOUT.items()))
def test_channels_are_named_as_the_archive_names_them(message, said):
    assert about(message) == said


def test_a_capture_that_names_no_exchange_is_refused():
    with pytest.raises(ValueError, match="names no exchange"):
        exchange_of("bybit_xrpusdt_ob500.data.zip")
