"""The limits, orders and pages that are the venues' own, through plain ccxt."""

import ccxt
import polars as pl
import pytest

from tests.venue import Venue, VenueData
from tests.venue_tests.clients import (
    BARS,
    MINUTE,
    NAMES,
    NOW,
    SINCE,
    START,
    candles,
    client,
    data,
)

EXCHANGES = list(NAMES)


@pytest.fixture(scope="module")
def venue():
    with Venue(data(), NOW) as running:
        yield running


def test_funding_pages_hold_500_at_most():
    times = pl.datetime_range(START, interval="1m", end=NOW, time_unit="us", eager=True)
    frame = pl.DataFrame({"time": times, "funding_rate": [0.0001] * len(times)})
    with Venue(data(funding={"BTC": frame}), NOW) as venue:
        rates = client(venue, "hyperliquid").fetch_funding_rate_history(NAMES["hyperliquid"], SINCE)

    assert len(rates) == 500
    assert rates[0]["timestamp"] == SINCE


def test_coinbase_refuses_more_than_350_candles(venue):
    with pytest.raises(ccxt.BaseError, match="should be less than 350"):
        client(venue, "coinbase").fetch_ohlcv("BTC/USD", "1m", SINCE, 300, {"until": SINCE + 400 * MINUTE})


def test_coinbase_serves_the_newest_candle_first(venue):
    ask = client(venue, "coinbase").v3_public_get_brokerage_market_products_product_id_candles
    start = SINCE // 1000

    rows = ask({"product_id": "BTC-USD", "granularity": "ONE_MINUTE", "start": start, "end": start + 300})[
        "candles"
    ]

    assert [int(row["start"]) for row in rows] == [start + 60 * k for k in (5, 4, 3, 2, 1, 0)], (
        "both ends count"
    )


def test_kraken_serves_its_newest_720_candles_and_the_open_one_whatever_is_asked(venue):
    rows = client(venue, "kraken").fetch_ohlcv("BTC/USD", "1m", SINCE)
    whole = candles().row(BARS - 100, named=True)

    assert len(rows) == 721
    assert rows[0][0] == SINCE + (BARS - 100 - 720) * MINUTE
    assert 0 < rows[-1][5] < whole["volume"], "the open candle has a part of its volume only"
    assert rows[-1][2] <= whole["high"]
    assert any(row[5] == 0 for row in rows), "candles without a trade are served"


def test_hyperliquid_serves_its_newest_5000_candles(venue):
    rows = client(venue, "hyperliquid").fetch_ohlcv(
        NAMES["hyperliquid"], "1m", SINCE, 5000, {"until": SINCE * 2}
    )

    assert len(rows) == 5000
    assert rows[-1][0] == SINCE + (BARS - 100) * MINUTE


def test_alpaca_pages_by_token_until_all_is_served_once(venue):
    exchange = client(venue, "alpaca")
    params = {"until": SINCE + 999 * MINUTE, "paginate": True, "paginationCalls": 99}

    rows = exchange.fetch_ohlcv("BTC/USD", "1m", SINCE, 5000, params)
    venue.clear()
    pages = exchange.market_public_get_v1beta3_crypto_loc_bars(
        {"loc": "us", "symbols": "BTC/USD", "timeframe": "1min", "start": START.isoformat(), "limit": 400}
    )

    assert [row[0] for row in rows] == [SINCE + k * MINUTE for k in range(1000) if k % 100 != 50]
    assert len(pages["bars"]["BTC/USD"]) == 396
    assert pages["next_page_token"]


def test_alpaca_pages_do_not_overlap_and_keep_trades_of_one_stamp_apart():
    stamp = pl.Series([START] * 7).cast(pl.Datetime("us", "UTC"))
    trades = pl.DataFrame(
        {"time": stamp, "id": range(7), "side": [1] * 7, "price": [1.5] * 7, "amount": [2.0] * 7}
    )
    seen, token = [], None
    with Venue(VenueData(trades={("alpaca", "BTC-USD"): trades}), NOW) as venue:
        exchange = client(venue, "alpaca")
        while token is not None or not seen:
            more = {"page_token": token} if token else {}
            page = exchange.market_public_get_v1beta3_crypto_loc_trades(
                {"loc": "us", "symbols": "BTC/USD", "start": START.isoformat(), "limit": 3, **more}
            )
            seen += [row["i"] for row in page["trades"]["BTC/USD"]]
            token = page["next_page_token"]

    assert seen == list(range(7))


def test_alpaca_serves_stock_bars_with_keys_only():
    with Venue(VenueData(stocks={("AAPL", "1m"): candles()}), NOW) as venue:
        exchange = client(venue, "alpaca")
        exchange.headers = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
        url = f"{venue.url}/alpaca-data/v2/stocks/bars?symbols=AAPL&timeframe=1Min&start=2025-01-01T00:00:00Z&limit=50"
        page = exchange.fetch(url)
        exchange.headers = {}
        with pytest.raises(ccxt.BaseError):
            exchange.fetch(url)

    assert len(page["bars"]["AAPL"]) == 50
    assert page["bars"]["AAPL"][0]["t"] == "2025-01-01T00:00:00Z"
    assert venue.requests[-1].status == 403


def test_kraken_trades_go_by_a_cursor_that_leaves_nothing_out(venue):
    exchange = client(venue, "kraken")
    cursor, ids = str(SINCE * 1_000_000 - 1), []
    for _ in range(3):
        page = exchange.public_get_trades({"pair": "XXBTZUSD", "since": cursor, "count": 1000})["result"]
        ids += [row[6] for row in page["XXBTZUSD"]]
        cursor = page["last"]

    assert [int(x) for x in ids] == list(range(3000))


def test_an_unknown_symbol_is_refused_in_each_venues_own_way(venue):
    with pytest.raises(ccxt.BaseError, match="Unknown asset pair"):
        client(venue, "kraken").public_get_ohlc({"pair": "NOPE", "interval": 1})
    with pytest.raises(ccxt.BaseError, match="could not be found"):
        client(venue, "coinbase").v3_public_get_brokerage_market_products_product_id_candles(
            {"product_id": "NO-PE"}
        )
