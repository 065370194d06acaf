"""F13: minutes without a candle. Where nobody traded there is an empty bar; where nobody knows there is none."""

import polars as pl
import pytest

from pipelines.sequences.labels import labels
from tests.faults.conftest import MINUTE, NOW, START
from tests.faults.ticks import Roads, finding, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
CANDLES = synthetic_candles(START, 1440)


def test_f13_a_minute_without_trades_is_an_empty_bar_and_an_unknown_one_is_none(road: Roads) -> None:
    """Invariant: filled bars never carry volume, no label spans an unknown gap; the share of filled bars is said."""
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): CANDLES}), now=NOW) as venue:
        venue.play("F13", every=7)
        running = road(venue, minutes("coinbase.BTC-USD"))
        assert running.ingest().success, running.notes()
        built = running.build()
        assert built.success, running.notes()
        bars = running.table("bars")
    empty = bars.filter(pl.col("origin") == "verified-empty")
    assert running.totals() == {
        "present": 1440 - empty.height,
        "verified-empty": empty.height,
        "unknown": 0,
        "venue-down": 0,
    }
    assert empty.height == 205
    _, sentence = finding(built, "filled")
    assert sentence == "205 of 1,440 bars had no trade and carry the close before them (14.24%)."
    assert empty["volume"].to_list() == [0.0] * empty.height
    before = bars.with_columns(pl.col("close").shift().alias("before")).filter(
        pl.col("origin") == "verified-empty"
    )
    for price in ("open", "high", "low", "close"):
        assert before[price].equals(before["before"].rename(price))
    assert bars.filter(pl.col("origin") == "candle")["volume"].min() > 0  # type: ignore[operator]


def test_no_label_spans_a_minute_that_nobody_knows(road: Roads) -> None:
    """Hyperliquid sends a candle for every minute, so one that is not there is unknown: no row, no label across."""
    gone = [START + k * MINUTE for k in (400, 401, 900)]
    horizon = 15
    with Venue(VenueData(candles={("hyperliquid", "BTC-USDC", "1m"): CANDLES}), now=NOW) as venue:
        venue.play("F13", minutes=gone)
        running = road(venue, minutes("hyperliquid.BTC-USDC"))
        assert running.ingest("BTC-USDC").success, running.notes()
        assert (
            "hyperliquid answered nothing for 2026-03-01 06:40 to 06:42 UTC, asked twice" in running.notes()
        )
        assert running.build("BTC-USDC").success, running.notes()
    assert running.totals("BTC-USDC")["unknown"] == len(gone)
    bars = running.table("bars", "BTC-USDC")
    assert bars.filter(pl.col("open_time").is_in(gone)).is_empty()
    told = labels(bars, "1m", horizon).filter(pl.col("label").is_not_null())
    assert told.height > 300
    for time in gone:
        assert told.filter((pl.col("open_time") < time) & (pl.col("known_until") > time)).is_empty()


def test_minutes_that_stay_away_are_asked_for_together(road: Roads) -> None:
    """Every tenth minute is missing for ever: each run asks for all of them with a page or two, not one by one."""
    gone = [START + k * MINUTE for k in range(5, 1440, 10)]
    with Venue(VenueData(candles={("hyperliquid", "BTC-USDC", "1m"): CANDLES}), now=NOW) as venue:
        venue.play("F13", minutes=gone)
        running = road(venue, minutes("hyperliquid.BTC-USDC"))
        for _ in range(2):
            venue.clear()
            assert running.ingest("BTC-USDC").success, running.notes()
            assert len(venue.of_kind("candles")) <= 2
            assert running.table("candles", "BTC-USDC").height == 1440 - len(gone)
        assert running.table("candle_revisions", "BTC-USDC").is_empty()
        venue.stop_faults()
        assert running.ingest("BTC-USDC").success, running.notes()
    assert running.table("candles", "BTC-USDC")["close"].to_list() == CANDLES["close"].to_list()
