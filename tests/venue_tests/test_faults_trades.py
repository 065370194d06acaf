"""F15–F18, F20 and F24–F26 in trades, books, stamps and lists, through plain ccxt."""

from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest

from tests.venue import Venue, VenueData
from tests.venue_tests.clients import MINUTE, NAMES, NOW, SINCE, START, client, data, fetch

EXCHANGES = list(NAMES)
LATE = 5600
"""A minute that all four still serve."""


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


def starts(rows, first=LATE):
    """Minutes of rows, counted from a minute."""
    return [(row[0] - SINCE) // MINUTE - first for row in rows]


def at(minute):
    return START + timedelta(minutes=minute)


def trades_of(venue, name="kraken", count=12):
    exchange = client(venue, name)
    since = SINCE + LATE * MINUTE
    params = {"until": since + 9 * MINUTE} if name == "coinbase" else {}
    exchange.sort_by_2 = lambda rows, *_: rows  # ccxt would put them in order
    exchange.sort_by = lambda rows, *_: rows
    return [row["info"] for row in exchange.fetch_trades(NAMES[name], since, count, params)]


def test_f15_disorders_or_merges_stamps(venue):
    plain = [int(row[6]) for row in trades_of(venue)]
    venue.play("F15", how="order", times=1)
    assert [int(row[6]) for row in trades_of(venue)] == [plain[k ^ 1] for k in range(12)]
    venue.play("F15", how="same", size=4)
    stamps = [row[2] for row in trades_of(venue)]
    assert len(set(stamps)) == 3


def test_f15_writes_fractions_without_trailing_zeros():
    stamps = ["00:00:01.077", "00:00:01.770", "00:00:02.000"]
    times = pl.Series([f"2025-01-01T{stamp}" for stamp in stamps]).str.to_datetime(
        time_unit="us", time_zone="UTC"
    )
    frame = pl.DataFrame(
        {"time": times, "id": [1, 2, 3], "side": [1] * 3, "price": [1.0] * 3, "amount": [1.0] * 3}
    )
    with Venue(VenueData(trades={("coinbase", "BTC-USD"): frame}), NOW) as venue:
        venue.play("F15", how="text")
        answer = client(venue, "coinbase").v3_public_get_brokerage_market_products_product_id_ticker(
            {"product_id": "BTC-USD"}
        )

    assert [row["time"][17:] for row in answer["trades"]] == ["02Z", "01.77Z", "01.077Z"]


def test_f16_repeats_ids_with_equal_or_other_amounts(venue):
    venue.play("F16", every=4, how="duplicate", times=1)
    ids = [row[6] for row in trades_of(venue)]
    assert len(ids) - len(set(ids)) == 3
    venue.play("F16", every=4, how="mutate")
    rows = trades_of(venue)
    pairs = [(a, b) for a, b in pairwise(rows) if a[6] == b[6]]
    assert len(pairs) == 3
    assert all(float(b[1]) == pytest.approx(2 * float(a[1])) for a, b in pairs)


@pytest.mark.parametrize("name", ["coinbase", "kraken", "alpaca"])
def test_f17_loses_ids(venue, name):
    venue.play("F17", every=4)
    ids = sorted(
        int(row[6] if name == "kraken" else row.get("trade_id", row.get("i")))
        for row in trades_of(venue, name)
    )
    assert ids
    assert all(number % 4 for number in ids)
    assert len(ids) < ids[-1] - ids[0] + 1


def test_f18_loses_trades_of_a_stamp_to_whoever_trusts_the_cursor():
    times = [START + timedelta(milliseconds=250 * k) for k in range(40)]
    frame = pl.DataFrame(
        {"time": times, "id": range(40), "side": [1] * 40, "price": [1.0] * 40, "amount": [1.0] * 40},
    ).with_columns(pl.col("time").cast(pl.Datetime("us", "UTC")))

    def walk(exchange, step_back):
        cursor, ids = SINCE * 10**6 - 1, []
        for _ in range(40):
            page = exchange.public_get_trades({"pair": "XBTUSD", "since": cursor})["result"]
            ids += [int(row[6]) for row in page["XXBTZUSD"]]
            cursor = int(page["last"]) - step_back
        return set(ids)

    with Venue(VenueData(trades={("kraken", "BTC-USD"): frame}), NOW) as venue:
        exchange = client(venue, "kraken")
        assert walk(exchange, 0) == set(range(40))
        venue.play("F18", page=6)
        assert len(walk(exchange, 0)) < 40
        assert walk(exchange, 1) == set(range(40)), "an overlap of one stamp finds them"


@pytest.mark.parametrize("name", EXCHANGES)
def test_f20_crosses_or_locks_every_nth_book(venue, name):
    exchange = client(venue, name)
    exchange.load_markets()
    venue.play("F20", every=2, kind="book", times=2)
    venue.play("F20", every=1, locked=True, kind="book", after=2)
    books = [exchange.fetch_order_book(NAMES[name], 5) for _ in range(3)]
    gaps = [book["asks"][0][0] - book["bids"][0][0] for book in books]

    assert gaps[0] < 0 < gaps[1]
    assert gaps[2] == 0


def test_f24_moments_carry_an_offset_that_changes(venue):
    ask = client(venue, "alpaca").market_public_get_v1beta3_crypto_loc_bars
    venue.play("F24", zone="Asia/Tokyo")
    page = ask(
        {"loc": "us", "symbols": "BTC/USD", "timeframe": "1min", "start": START.isoformat(), "limit": 2}
    )
    rows = fetch(client(venue, "alpaca"), "alpaca", 5)

    assert [row["t"] for row in page["bars"]["BTC/USD"]] == [
        "2025-01-01T09:00:00+09:00",
        "2025-01-01T09:01:00+09:00",
    ]
    assert starts(rows, 0) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", EXCHANGES)
def test_f25_one_name_ends_and_another_begins(venue, name):
    ours = "BTC-USDC" if name == "hyperliquid" else "BTC-USD"
    venue.play("F25", symbol=ours, becomes="A-" + ours.partition("-")[2], at=at(LATE + 10))
    renamed = NAMES[name].replace("BTC", "A")

    venue.now = at(LATE + 5)
    assert list(client(venue, name).load_markets()) == [NAMES[name]]
    venue.now = NOW
    exchange = client(venue, name)
    assert list(exchange.load_markets()) == [renamed]
    params = {"until": SINCE + (LATE + 20) * MINUTE} if name != "kraken" else {}
    assert starts(exchange.fetch_ohlcv(renamed, "1m", SINCE + LATE * MINUTE, 30, params))[0] == 10


def test_f26_is_delisted_and_has_no_candle_after_its_end(venue):
    venue.play("F26", symbol="BTC-USD", at=at(LATE + 10))
    exchanges = {name: client(venue, name) for name in ("coinbase", "kraken")}

    for name, exchange in exchanges.items():
        assert starts(fetch(exchange, name, 20, LATE))[-1] == 9
        info = exchange.load_markets()["BTC/USD"]
        assert info["info"]["status"] == "delisted"
        assert not info["active"]
    assert client(venue, "alpaca").load_markets() == {}
    venue.now = at(LATE + 5)
    assert client(venue, "kraken").load_markets()["BTC/USD"]["active"]
