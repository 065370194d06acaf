"""Plain ccxt against the venue: what the real clients make of every answer, and the limits that are the venues' own."""

import polars as pl
import pytest

from tests.venue import Venue
from tests.venue_tests.clients import (
    MINUTE,
    NAMES,
    NOW,
    SINCE,
    START,
    WALLET,
    candles,
    client,
    data,
    fetch,
)

EXCHANGES = list(NAMES)


@pytest.fixture(scope="module")
def venue():
    funding = pl.DataFrame(
        {
            "time": pl.datetime_range(START, NOW, "1h", time_unit="us", eager=True),
        }
    ).with_columns(funding_rate=pl.int_range(pl.len()) * 0.000001)
    fills = [
        {"coin": "BTC", "px": "100.5", "sz": "0.25", "side": side, "time": SINCE + k * 1000, "startPosition": "0.0",
         "dir": "Open Long", "closedPnl": "0.0", "hash": f"0x{k:064x}", "oid": k, "crossed": True, "fee": "0.01",
         "tid": k, "feeToken": "USDC"}
        for k, side in enumerate("ABAB")
    ]  # fmt: skip
    with Venue(data(funding={"BTC": funding}, fills={WALLET: fills}), NOW) as running:
        yield running


@pytest.mark.parametrize("name", EXCHANGES)
def test_markets_are_listed_under_the_unified_name(venue, name):
    markets = client(venue, name).load_markets()

    assert list(markets) == [NAMES[name]]
    assert markets[NAMES[name]]["active"]


@pytest.mark.parametrize("name", EXCHANGES)
def test_candles_come_as_they_were_given_without_those_of_the_future(venue, name):
    given = candles().with_columns(pl.col("open_time").dt.epoch("ms")).slice(5600, 300)
    if name in ("coinbase", "alpaca"):
        given = given.filter(pl.col("volume") > 0)

    rows = fetch(client(venue, name), name, 300, first=5600)

    assert rows == [list(row) for row in given.rows()][: len(rows)]
    assert len(rows) == len(given)


@pytest.mark.parametrize("name", EXCHANGES)
def test_prices_keep_the_text_that_the_client_was_sent(venue, name):
    exchange = client(venue, name, number=str)
    sent = candles().row(5600, named=True)

    row = fetch(exchange, name, 1, first=5600)[0]

    assert [float(x) for x in row[1:]] == [sent[key] for key in ("open", "high", "low", "close", "volume")]
    assert all(isinstance(x, str) for x in row[1:])


@pytest.mark.parametrize("name", ["coinbase", "kraken", "alpaca"])
def test_trades_add_up_to_their_candle(venue, name):
    exchange = client(venue, name)
    since = SINCE + 100 * MINUTE
    params = {"until": since + MINUTE - 1000} if name == "coinbase" else {}
    bar = candles().row(100, named=True)

    trades = [
        t for t in exchange.fetch_trades(NAMES[name], since, 100, params) if t["timestamp"] < since + MINUTE
    ]

    prices = [trade["price"] for trade in trades]
    assert (prices[0], max(prices), min(prices), prices[-1]) == tuple(
        bar[x] for x in ("open", "high", "low", "close")
    )
    assert sum(trade["amount"] for trade in trades) == pytest.approx(bar["volume"], abs=1e-12)
    assert [int(trade["id"]) for trade in trades] == sorted(int(trade["id"]) for trade in trades)


def test_coinbase_tells_the_makers_side_and_the_others_the_takers(venue):
    since = SINCE + 100 * MINUTE
    taker = [t["side"] for t in client(venue, "kraken").fetch_trades("BTC/USD", since, 4)]
    answer = client(venue, "coinbase").fetch_trades("BTC/USD", since, 4, {"until": since + MINUTE - 1000})

    assert taker == ["sell", "buy", "sell", "buy"]
    assert [t["info"]["side"] for t in answer] == ["BUY", "SELL", "BUY", "SELL"]


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_book_stands_around_the_price_so_far(venue, name):
    close = client(venue, "kraken").fetch_ohlcv("BTC/USD", "1m")[-1][4]

    book = client(venue, name).fetch_order_book(NAMES[name], 5)

    assert book["bids"][0][0] < close < book["asks"][0][0]
    assert [x[0] for x in book["bids"]] == sorted((x[0] for x in book["bids"]), reverse=True)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_server_tells_its_own_time(venue, name):
    assert client(venue, name).fetch_time() == int(NOW.timestamp()) * 1000


def test_hyperliquid_serves_funding_in_pages_and_fills_by_wallet(venue):
    exchange = client(venue, "hyperliquid")

    rates = exchange.fetch_funding_rate_history(NAMES["hyperliquid"], SINCE)
    fills = exchange.fetch_my_trades(None, SINCE, params={"user": WALLET})

    assert [round(r["fundingRate"] * 1e6) for r in rates] == list(range(len(rates)))
    assert len(rates) == 99
    assert [fill["side"] for fill in fills] == ["sell", "buy", "sell", "buy"]  # A: sold, B: bought
