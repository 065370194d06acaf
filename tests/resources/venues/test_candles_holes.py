"""What becomes of bars without a candle: rebuilt from trades, before a listing, or told as they are."""

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from pipelines.errors import BadAnswer
from pipelines.market.schemas import TRADES
from pipelines.market.trade_candles import by_day, candles_of
from resources.venues.trades import fetch_trades, require_complete
from tests.resources.venues.fetching import MINUTE, START, Fetching, bars_of, day_of, same_values
from tests.venue import Venue, VenueData, synthetic_candles

DAY = timedelta(days=1)


def _trades(candles: pl.DataFrame) -> pl.DataFrame:
    """Two trades a candle that make its four prices only roughly: what is rebuilt is not what was served."""
    first = candles.select(
        pl.col("open_time").alias("time"),
        pl.col("open").alias("price"),
        (pl.col("volume") * 0 + 1.5).alias("amount"),
    )
    second = candles.select(
        (pl.col("open_time") + timedelta(seconds=40)).alias("time"),
        pl.col("close").alias("price"),
        (pl.col("volume") * 0 + 0.25).alias("amount"),
    )
    rows = pl.concat([first, second]).sort("time")
    return rows.with_columns(
        pl.int_range(1, pl.len() + 1).alias("id"), pl.lit(1, pl.Int8).alias("side"), local_time=pl.lit(None)
    ).select(pl.col(name).cast(kind) for name, kind in TRADES.items())


def test_kraken_is_rebuilt_from_its_trades(tmp_path: Path) -> None:
    """F10, F13: what is older than 720 candles, and a hole, come from the venue's trades, and say so."""
    candles = day_of(900)
    quiet = [START + 40 * MINUTE, START + 41 * MINUTE, START + 850 * MINUTE]
    traded = _trades(candles.filter(~pl.col("open_time").is_in(quiet)))
    data = VenueData(candles={("any", "BTC-USD", "1m"): candles}, trades={("any", "BTC-USD"): traded})
    with Venue(data, now=START + 900 * MINUTE + timedelta(seconds=10)) as server:
        server.play("F13", every=10**9, minutes=(START + 800 * MINUTE, START + 850 * MINUTE))
        fetching = Fetching(server, "kraken", tmp_path)
        exchange, transport = fetching.open()

        def trades(start: datetime, end: datetime) -> pl.DataFrame:
            return require_complete(
                fetch_trades(fetching.market, (start, end), exchange, transport), "trades"
            )

        delivery = fetching.fetch([(START, START + 900 * MINUTE)], trades=trades)
        transport.close()
    assert bars_of(delivery) == 900
    ticks = delivery.frame.filter(pl.col("origin") == "ticks")
    assert ticks.height == 181 - 2 + 1
    assert ticks["volume"].unique().to_list() == [1.75]
    missing = delivery.evidence.sort("time")
    assert missing["time"].to_list() == [quiet[0], quiet[2]]
    assert missing["kind"].to_list() == ["verified-empty", "verified-empty"]
    assert "kraken's trades of 2026-03-02 13:20 to 14:11 UTC have none" not in missing["reason"][1]
    assert delivery.notes[0].startswith("kraken serves the newest 720 candles")


@pytest.mark.parametrize("venue", ["coinbase", "hyperliquid", "alpaca"])
def test_holes_that_one_page_can_hold_are_one_question(venue: str, tmp_path: Path) -> None:
    """Bars that are missing for ever must not cost a request each in every run; what lies between is not delivered."""
    candles = day_of(900)
    gone = [START + k * MINUTE for k in range(5, 895, 10)]
    spans = [(minute, minute + MINUTE) for minute in gone]
    with Venue(VenueData(candles={("any", "BTC-USD", "1m"): candles}), now=START + 901 * MINUTE) as server:
        server.play("F13", every=10**9, minutes=gone[:-1])
        delivery = Fetching(server, venue, tmp_path).fetch(spans)
        asked = len(server.of_kind("candles"))
    assert asked == (4 + 4 if venue == "coinbase" else 2), "its pages once, and its holes a second time"
    same_values(delivery, candles.filter(pl.col("open_time") == gone[-1]))
    assert bars_of(delivery) == len(gone)
    said = delivery.evidence.select("time", "end").rows()
    assert said == spans[:-1]
    assert set(delivery.evidence["kind"]) == {"verified-empty" if venue == "coinbase" else "unknown"}


def test_spans_far_apart_are_asked_for_one_by_one(tmp_path: Path) -> None:
    """Nobody wants the month between two holes."""
    candles = day_of(3000)
    spans = [(START, START + MINUTE), (START + 2900 * MINUTE, START + 2901 * MINUTE)]
    with Venue(VenueData(candles={("any", "BTC-USD", "1m"): candles}), now=START + 3001 * MINUTE) as server:
        delivery = Fetching(server, "coinbase", tmp_path).fetch(spans)
        assert len(server.of_kind("candles")) == 2
    same_values(delivery, candles.filter(pl.col("open_time").is_in([start for start, _ in spans])))


def test_trades_that_cannot_be_had_leave_the_bars_unknown(tmp_path: Path) -> None:
    def refuse(start: datetime, end: datetime) -> pl.DataFrame:
        raise BadAnswer(f"no whole answer for {start} to {end}")

    candles = day_of(100)
    with Venue(VenueData(candles={("any", "BTC-USD", "1m"): candles}), now=START + 101 * MINUTE) as server:
        server.play("F13", every=10**9, minutes=(START + 50 * MINUTE,))
        delivery = Fetching(server, "kraken", tmp_path).fetch([(START, START + 100 * MINUTE)], trades=refuse)
    assert delivery.frame.height == 99
    assert delivery.evidence["kind"].to_list() == ["unknown"]
    assert delivery.evidence["reason"][0].startswith("no whole answer")


@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=2)])
def test_a_listing_is_proven_by_daily_candles(later: timedelta, tmp_path: Path) -> None:
    """F8: first bar ≤ since + tf, or "listed on" proven: the middle of the stretch before it is asked for once."""
    born = START + 2 * DAY + 600 * MINUTE
    minutes = synthetic_candles(born, 400)
    days = synthetic_candles(START + 2 * DAY, 2, "1d")
    data = VenueData(candles={("any", "BTC-USD", "1m"): minutes, ("any", "BTC-USD", "1d"): days})
    with Venue(data, now=born + 401 * MINUTE + later) as server:
        delivery = Fetching(server, "coinbase", tmp_path).fetch([(START, born + 400 * MINUTE)])
        assert len(server.of_kind("candles")) <= 14 + 2 + 2
    same_values(delivery, minutes)
    assert delivery.evidence.select("time", "end", "kind").rows() == [(START, born, "verified-empty")]
    assert delivery.notes[0] == (
        "coinbase.BTC-USD is listed on coinbase since 2026-03-04 10:00 UTC: daily candles begin there too"
    )


def test_a_beginning_that_daily_candles_contradict_is_unknown(tmp_path: Path) -> None:
    """F8: the venue dropped history, and says nothing."""
    minutes = synthetic_candles(START + 2 * DAY, 400)
    days = synthetic_candles(START - 10 * DAY, 20, "1d")
    data = VenueData(candles={("any", "BTC-USD", "1m"): minutes, ("any", "BTC-USD", "1d"): days})
    with Venue(data, now=START + 2 * DAY + 401 * MINUTE) as server:
        delivery = Fetching(server, "coinbase", tmp_path).fetch([(START, START + 2 * DAY + 400 * MINUTE)])
    assert set(delivery.evidence["kind"]) == {"unknown"}
    assert bars_of(delivery) == 2 * 1440 + 400
    same_values(delivery, minutes)


def test_a_quiet_start_of_an_old_market_is_no_listing(tmp_path: Path) -> None:
    """A run from the middle of a day whose first minutes had no trade: rows before them say that it is older."""
    candles = day_of(300).filter(~pl.col("open_time").is_between(START + 100 * MINUTE, START + 104 * MINUTE))
    days = synthetic_candles(START, 1, "1d")
    data = VenueData(candles={("any", "BTC-USD", "1m"): candles, ("any", "BTC-USD", "1d"): days})
    with Venue(data, now=START + 301 * MINUTE) as server:
        span = (START + 100 * MINUTE, START + 300 * MINUTE)
        delivery = Fetching(server, "coinbase", tmp_path).fetch([span])
    assert delivery.evidence["kind"].to_list() == ["verified-empty"]
    assert "twice had none" in delivery.evidence["reason"][0]


@pytest.mark.parametrize("hours", [1, 30, 72])
def test_days_of_a_span_tile_it(hours: int) -> None:
    span = (START + timedelta(hours=5), START + timedelta(hours=5 + hours))
    days = by_day(span)
    assert days[0][0] == span[0]
    assert days[-1][1] == span[1]
    assert all(one[1] == other[0] for one, other in pairwise(days))
    assert all(start.date() == (end - timedelta(microseconds=1)).date() for start, end in days)


def test_candles_of_trades_are_in_the_order_of_time_and_id() -> None:
    trades = pl.DataFrame(
        {
            "time": [START + timedelta(seconds=59), START, START, START + 3 * MINUTE],
            "local_time": [None] * 4,
            "id": [9, 2, 1, 10],
            "side": [1, 1, -1, 1],
            "price": [5.0, 7.0, 3.0, 4.0],
            "amount": [1.0, 2.0, 3.0, 0.5],
        },
        schema=TRADES,
    )
    bars = candles_of(trades, (START, START + 3 * MINUTE), MINUTE)
    assert bars.rows() == [(START, 3.0, 7.0, 3.0, 5.0, 6.0)]
