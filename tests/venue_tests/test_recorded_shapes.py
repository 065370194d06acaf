"""The venue's bodies against the recorded ones: the same keys, the same types, the same order of rows.

There is no recording of Alpaca's bars, of its stock bars, nor of Coinbase's candles from its live API.
"""

import json
from datetime import UTC, datetime

import httpx
import polars as pl
import pytest

from tests.venue import Venue
from tests.venue_tests.clients import NOW, SINCE, WALLET, data

pytestmark = pytest.mark.real
COINBASE = "coinbase/api/v3/brokerage/market"
SPAN = {"granularity": "ONE_MINUTE", "start": SINCE // 1000, "end": SINCE // 1000 + 60}
LATER = SINCE + 2000 * 60_000
"""Within the newest 5,000 minutes."""


@pytest.fixture(scope="module")
def venue():
    rates = pl.DataFrame(
        {"time": [datetime(2025, 1, 1, k, tzinfo=UTC) for k in range(5)], "funding_rate": [1e-5] * 5}
    )
    fill = {"coin": "BTC", "px": "1.5", "sz": "2.0", "side": "B", "time": SINCE, "startPosition": "0.0", "dir": "Buy",
            "closedPnl": "0.0", "hash": "0x0", "oid": 1, "crossed": True, "fee": "0.0", "tid": 1, "feeToken": "USDC",
            "twapId": None}  # fmt: skip
    with Venue(data(funding={"BTC": rates}, fills={WALLET: [fill]}), NOW) as running:
        yield running


def shape(value):
    """Types instead of values; of a list the shape of its first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return (
            [shape(value[0])]
            if value and isinstance(value[0], (dict, list))
            else [shape(item) for item in value]
        )
    return (
        "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__
    )


def recorded(real_data, name):
    return json.loads((real_data / "exchange_responses" / name).read_text())


def info(venue, **body):
    return httpx.post(f"{venue.url}/hyperliquid/info", json=body, trust_env=False).json()


def get(venue, path, **params):
    return httpx.get(f"{venue.url}/{path}", params=params, trust_env=False).json()


@pytest.mark.parametrize(
    ("file", "path", "params"),
    [
        ("http_candles", "products/BTC-USD/candles", SPAN),
        ("http_ticker", "products/BTC-USD/ticker", {"limit": 3}),
        ("http_product_book", "product_book", {"product_id": "BTC-USD", "limit": 5}),
    ],
)  # fmt: skip
def test_coinbase(venue, real_data, file, path, params):
    kept = recorded(real_data, f"coinbase/{file}.json")

    assert shape(get(venue, f"{COINBASE}/{path}", **params)) == shape(kept)


def test_coinbase_candles_are_newest_first_as_recorded(venue, real_data):
    kept = [int(row["start"]) for row in recorded(real_data, "coinbase/http_candles.json")["candles"]]
    served = [
        int(row["start"]) for row in get(venue, f"{COINBASE}/products/BTC-USD/candles", **SPAN)["candles"]
    ]

    assert kept == sorted(kept, reverse=True)
    assert served == sorted(served, reverse=True)


def test_coinbase_product(venue, real_data):
    kept = recorded(real_data, "coinbase/http_product.json")
    served = get(venue, f"{COINBASE}/products/BTC-USD")
    listed = get(venue, f"{COINBASE}/products")

    assert {**shape(served), "alias_to": []} == {**shape(kept), "alias_to": []}
    assert set(listed["products"][0]) == set(
        recorded(real_data, "coinbase/http_products.json")["products"][0]
    )


@pytest.mark.parametrize(
    ("file", "method", "params"),
    [
        ("http_ohlc", "OHLC", {"pair": "XBTUSD", "interval": 1}),
        ("http_order_book", "Depth", {"pair": "XBTUSD", "count": 5}),
        ("http_trades", "Trades", {"pair": "XBTUSD", "since": SINCE * 10**6}),
        ("http_server_time", "Time", {}),
        ("http_system_status", "SystemStatus", {}),
    ],
)
def test_kraken(venue, real_data, file, method, params):
    def plain(body):
        pairs = {
            "PAIR" if isinstance(value, (list, dict)) else key: value for key, value in body["result"].items()
        }
        return shape({**body, "result": pairs})

    assert plain(get(venue, f"kraken/0/public/{method}", **params)) == plain(
        recorded(real_data, f"kraken/{file}.json")
    )


def test_kraken_serves_721_candles_and_1000_trades_as_recorded(venue, real_data):
    kept = recorded(real_data, "kraken/http_ohlc.json")["result"]
    served = get(venue, "kraken/0/public/OHLC", pair="XBTUSD", interval=1)["result"]

    for result in (kept, served):
        rows = next(value for value in result.values() if isinstance(value, list))
        assert len(rows) == 721
        assert result["last"] == rows[-2][0], "the last closed candle"
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)
        assert next(row for row in rows if float(row[6]) == 0)[5:] == ["0.0", "0.00000000", 0]
    kept = recorded(real_data, "kraken/http_trades.json")["result"]
    served = get(venue, "kraken/0/public/Trades", pair="XBTUSD", since=SINCE * 10**6)["result"]
    for result in (kept, served):
        rows = next(value for value in result.values() if isinstance(value, list))
        assert len(rows) == 1000
        assert abs(int(result["last"]) / 1e9 - rows[-1][2]) < 1e-6
        assert [len(row[0].partition(".")[2]) for row in rows] == [5] * 1000


def test_kraken_pair(venue, real_data):
    kept = recorded(real_data, "kraken/http_asset_pairs.json")["result"]["XBTUSDT"]
    served = get(venue, "kraken/0/public/AssetPairs")["result"]["XXBTZUSD"]

    assert {k: type(v) for k, v in served.items()} == {k: type(v) for k, v in kept.items()}


def cassette(real_data, name):
    return recorded(real_data, f"hyperliquid_recorded/{name}.json")[0]["response"]


def test_hyperliquid_candles(venue, real_data):
    request = {"coin": "BTC", "interval": "1m", "startTime": LATER + 7_000, "endTime": LATER + 600_000}
    kept = recorded(real_data, "hyperliquid_recorded/get_candles_snapshot.json")[0]
    served = info(venue, type="candleSnapshot", req=request)

    assert shape(served[0]) == shape(kept["response"][0])
    first = kept["response"][0]
    assert first["t"] < kept["request"]["req"]["startTime"] <= first["T"], (
        "the bar around the start is served"
    )
    assert served[0]["t"] == LATER
    assert served[0]["T"] - served[0]["t"] == 59_999


def test_hyperliquid_funding(venue, real_data):
    served = info(venue, type="fundingHistory", coin="BTC", startTime=SINCE)

    assert shape(served[0]) == shape(cassette(real_data, "get_funding_history_None")[0])
    assert [row["time"] for row in served] == sorted(row["time"] for row in served)


def test_hyperliquid_book_trades_fills_and_mids(venue, real_data):
    assert shape(info(venue, type="l2Book", coin="BTC")) == shape(cassette(real_data, "get_l2_snapshot"))
    assert shape(info(venue, type="recentTrades", coin="BTC")[0]) == shape(
        recorded(real_data, "hyperliquid/http_recent_trades_btc.json")[0]
    )
    assert shape(info(venue, type="userFills", user=WALLET)[0]) == shape(
        recorded(real_data, "hyperliquid/http_user_fills_dust_conversion.json")[0]
    )
    assert set(map(type, info(venue, type="allMids").values())) == {str}
    assert set(info(venue, type="meta")["universe"][0]) == set(cassette(real_data, "get_info")["universe"][0])


def test_alpaca_trades_and_book(venue, real_data):
    kept = recorded(real_data, "alpaca/crypto_trades_BTCUSD.json")
    served = get(
        venue,
        "alpaca/v1beta3/crypto/us/trades",
        symbols="BTC/USD",
        start="2025-01-01T00:00:00Z",
        end="2025-01-01T00:00:10Z",
    )
    assert shape(served) == shape(kept)
    book = recorded(real_data, "alpaca/crypto_orderbook_BTCUSDT.json")["orderbooks"]["BTC/USDT"]
    served = get(venue, "alpaca/v1beta3/crypto/us/latest/orderbooks", symbols="BTC/USD")["orderbooks"][
        "BTC/USD"
    ]
    assert set(served) == set(book)
    assert set(served["a"][0]) == set(book["a"][0])


def test_alpaca_bar_has_the_fields_of_the_recorded_minute_bar(venue, real_data):
    kept = recorded(real_data, "alpaca/crypto_snapshots_BTCUSD.json")["snapshots"]["BTC/USD"]["minuteBar"]
    span = {"symbols": "BTC/USD", "timeframe": "1Min", "start": "2025-01-01T00:00:00Z", "limit": "1"}

    assert shape(get(venue, "alpaca/v1beta3/crypto/us/bars", **span)["bars"]["BTC/USD"][0]) == shape(kept)
