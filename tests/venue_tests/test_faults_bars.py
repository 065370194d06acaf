"""F7–F14 and F27–F29 in candles, through plain ccxt: every one shows."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.venue import Venue
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
