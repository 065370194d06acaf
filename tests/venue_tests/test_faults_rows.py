"""F7–F20 and F24–F29 in candles, trades, books and lists, through plain ccxt: every one shows, and stops."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import polars as pl
import pytest

from tests.venue import Venue, VenueData
from tests.venue_tests.clients import BARS, MINUTE, NAMES, NOW, SINCE, START, client, data, fetch

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


@pytest.mark.parametrize("name", EXCHANGES)
def test_f07_caps_without_a_word(venue, name):
    venue.play("F7", rows=5)
    assert len(fetch(client(venue, name), name, 20, LATE)) == 5


@pytest.mark.parametrize("name", EXCHANGES)
def test_f08_serves_only_the_newest(venue, name):
    venue.play("F8", rows=20)
    exchange = client(venue, name)
    exchange.parse_ohlcvs = lambda rows, *_: [
        exchange.parse_ohlcv(row) for row in rows
    ]  # ccxt would hide them

    rows = sorted(fetch(exchange, name, 300, 4000))

    assert len(rows) == 20
    assert starts(rows, 0)[-1] == BARS - (101 if name == "alpaca" else 100)


def test_f09_oversteps_both_ends_and_repeats(venue):
    exchange = client(venue, "hyperliquid")
    exchange.parse_ohlcvs = lambda rows, *_: [exchange.parse_ohlcv(row) for row in rows]
    venue.play("F9", before=2, past=1, duplicates=2, times=1)
    venue.play("F9", before=0, past=0, duplicates=1, different=True, after=1)

    first, second = (fetch(exchange, "hyperliquid", 3, LATE) for _ in range(2))

    assert starts(first) == [-2, -1, 0, 1, 2, 3, 2, 3]
    assert first[-1] == first[-3]
    assert starts(second) == [0, 1, 2, 2]
    assert second[-1] != second[-2]


@pytest.mark.parametrize("name", EXCHANGES)
def test_f10_keeps_the_newest_only(venue, name):
    venue.play("F10", depth=50)
    assert starts(client(venue, name).fetch_ohlcv(NAMES[name], "1m", SINCE + 5600 * MINUTE), 0)[:1] in (
        [BARS - 100 - 49],
        [BARS - 100 - 50],
    )


def test_f11_serves_the_open_candle_where_it_would_not_be(venue):
    before = fetch(client(venue, "alpaca"), "alpaca", 10, BARS - 105)
    venue.play("F11")
    after = fetch(client(venue, "alpaca"), "alpaca", 10, BARS - 105)
    venue.now = NOW + timedelta(seconds=30)
    closed = fetch(client(venue, "alpaca"), "alpaca", 10, BARS - 105)

    assert len(after) == len(before) + 1
    final = next(row for row in closed if row[0] == after[-1][0])
    assert after[-1][5] < final[5], "a part of its volume so far"


@pytest.mark.parametrize("name", EXCHANGES)
def test_f12_revises_closed_candles_later_and_for_good(venue, name):
    exchange = client(venue, name)
    venue.play("F12", bars=2, factor=3.0, after=1)
    first, second = (fetch(exchange, name, 10, BARS - 110) for _ in range(2))
    venue.now = NOW + timedelta(minutes=1)
    third = fetch(exchange, name, 10, BARS - 110)

    changed = {row[0]: row[5] for row in second if row not in first}
    for start, volume in changed.items():
        assert volume == pytest.approx(3 * next(row[5] for row in first if row[0] == start), abs=1e-3)
    assert third == second
    assert {(start - SINCE) // MINUTE for start in changed} <= {BARS - 102, BARS - 101}
    assert changed


@pytest.mark.parametrize("name", EXCHANGES)
def test_f13_omits_minutes(venue, name):
    full = starts(fetch(client(venue, name), name, 20, LATE))
    venue.play("F13", minutes=[at(LATE + 3), at(LATE + 4)])
    rows = fetch(client(venue, name), name, 20, LATE)
    assert [k for k in starts(rows) if k < 20] == [k for k in full if k not in (3, 4)]


def test_f13_omits_every_nth(venue):
    venue.play("F13", every=5)
    assert all(
        minute % 5 for minute in starts(fetch(client(venue, "hyperliquid"), "hyperliquid", 50, LATE), 0)
    )


@pytest.mark.parametrize("name", EXCHANGES)
def test_f14_leaves_a_hole_in_candles_and_trades(venue, name):
    venue.play("F14", start=at(LATE + 5), end=at(LATE + 15))
    exchange = client(venue, name)

    assert [k for k in starts(fetch(exchange, name, 20, LATE)) if 5 <= k < 15] == []
    if name != "hyperliquid":
        since = SINCE + (LATE + 5) * MINUTE
        params = {"until": since + 9 * MINUTE} if name == "coinbase" else {}
        trades = exchange.fetch_trades(NAMES[name], since, 100, params)
        assert [t for t in trades if t["timestamp"] < since + 10 * MINUTE] == []


def test_f14_is_an_hour_in_the_middle_when_not_told(venue):
    venue.play("F14")
    rows = fetch(client(venue, "hyperliquid"), "hyperliquid", 300, 2900)
    jumps = [b[0] - a[0] for a, b in pairwise(rows)]

    assert sorted(set(jumps)) == [MINUTE, 61 * MINUTE]


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


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("how", ["negative", "zero", "nan", "null", "absurd", "text", "huge"])
def test_f27_sends_values_that_cannot_be(venue, name, how):
    exchange = client(venue, name, number=str)
    plain = {row[0]: row for row in fetch(exchange, name, 20, LATE)}
    venue.play("F27", how=how, every=5)
    broken = [row for row in fetch(exchange, name, 20, LATE) if row != plain[row[0]]]

    assert len(broken) == 4
    expected = {
        "negative": "-1",
        "zero": "0",
        "nan": "NaN",
        "text": "n/a",
        "null": None,
        "huge": "1" + "0" * 308,
    }
    for row in broken:
        assert row[:4] == plain[row[0]][:4]
        if how == "absurd":
            assert float(row[4]) == pytest.approx(10 * float(plain[row[0]][4]), abs=0.1)
        else:
            assert row[4] == expected[how] or float(row[4]) == float(expected[how])


@pytest.mark.parametrize("name", EXCHANGES)
def test_f28_turns_prices_or_stamps_around(venue, name):
    exchange = client(venue, name)
    exchange.parse_ohlcvs = lambda rows, *_: [exchange.parse_ohlcv(row) for row in rows]
    plain = sorted(fetch(exchange, name, 20, LATE))
    for how, count in (("high-low", 4), ("future", 4), ("off-grid", 4), ("close-stamped", len(plain))):
        fault = venue.play("F28", how=how, every=5)
        rows = fetch(exchange, name, 20, LATE)
        venue.stop_faults(fault)
        wrong = [row for row in rows if row[0] not in {x[0] for x in plain} or row[2] < row[3]]
        if how == "close-stamped":
            assert sorted(row[0] - MINUTE for row in rows) == [row[0] for row in plain]
        else:
            assert len(wrong) == count or (name == "kraken" and len(wrong) > count)


@pytest.mark.parametrize("name", EXCHANGES)
def test_f29_sends_more_digits_than_a_float_has(venue, name):
    exchange = client(venue, name, number=str)
    plain = fetch(exchange, name, 5, LATE)
    venue.play("F29", digits=22)
    long = fetch(exchange, name, 5, LATE)

    for short, row in zip(plain, long, strict=True):
        for before, after in zip(short[1:], row[1:], strict=True):
            assert len(after.replace(".", "").lstrip("0")) >= 15 or name == "alpaca"
            assert 0 <= Decimal(after) - Decimal(before) < Decimal("1e-9")
