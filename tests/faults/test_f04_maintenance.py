"""F4: a venue in maintenance. The window is venue-down, nothing is made up for it, and nobody keeps knocking."""

import re
import time
from datetime import timedelta

import polars as pl
import pytest

from resources.venues import transport
from tests.faults.conftest import MINUTE, NOW, START, universe_of
from tests.faults.ticks import FRAMES, Roads, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
CANDLES = synthetic_candles(START, 1440)
SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")
DOWN, UP = START + timedelta(hours=12), START + timedelta(hours=16)


def test_f04_maintenance_is_a_hole_and_never_a_quiet_market(
    road: Roads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant: features over the window are NaN-masked, not forward-filled, here: there is no row of it at all.

    Coinbase leaves out the minutes of its own maintenance as it leaves out quiet ones; that is not believed.
    """
    monkeypatch.setattr(transport, "MAINTENANCE", 1.0)
    traded = CANDLES.filter(~pl.col("open_time").is_between(DOWN, UP, closed="left"))
    served = {("coinbase", symbol, "1m"): traded for symbol in SYMBOLS}
    with Venue(VenueData(candles=served), now=DOWN + timedelta(seconds=30)) as venue:
        markets = minutes(*(f"coinbase.{symbol}" for symbol in SYMBOLS))
        running = road(venue, markets)
        assert running.ingest().success, running.notes()
        venue.now = UP + timedelta(seconds=30)
        running = road(venue, markets)  # another process, hours later: it measures the venue's clock anew
        venue.play("F4", venue="coinbase")
        venue.clear()
        assert running.ingest().success, running.notes()
        said = running.notes()
        for symbol in SYMBOLS[1:]:
            assert running.ingest(symbol).success, running.notes()
            assert running.table("candles", symbol).is_empty()
            never = running.table("candle_evidence", symbol)
            assert set(never["kind"]) == {"unknown"}
            assert never["reason"].str.starts_with("not asked for: coinbase in maintenance since").all()
        assert len(venue.requests) <= 2
        assert running.build().success, running.notes()
        assert running.totals()["venue-down"] >= 240
        assert running.totals()["verified-empty"] == 0
        venue.stop_faults()
        venue.now = NOW
        running = road(venue, markets)
        time.sleep(1.1)  # the venue is left alone for so long
        assert running.ingest().success, running.notes()
        assert running.build().success, running.notes()
    assert re.search(r"coinbase in maintenance since \d{4}-\d\d-\d\d \d\d:\d\d UTC", said), said
    assert "no bar is made up for that time" in said
    assert "3 symbols are waiting for coinbase: BTC-USD, ETH-USD, SOL-USD" in said
    assert running.totals() == {"present": 1200, "verified-empty": 0, "unknown": 0, "venue-down": 240}
    for table in ("bars", "features"):
        rows = running.table(table)
        assert rows.filter(pl.col("open_time").is_between(DOWN, UP, closed="left")).is_empty()
        assert rows["open_time"].max() == START + 1439 * MINUTE
    assert running.table("bars")["close"].to_list() == traded["close"].to_list()


def test_time_that_was_not_asked_for_is_no_outage(road: Roads, monkeypatch: pytest.MonkeyPatch) -> None:
    """The past is widened and the venue closes in the middle of it: what lies before the stored bars is unknown."""
    monkeypatch.setattr(transport, "MAINTENANCE", 0.5)
    days = synthetic_candles(START, 3 * 1440)
    with Venue(
        VenueData(candles={("coinbase", "BTC-USD", "1m"): days}), now=START + timedelta(days=3)
    ) as venue:
        venue.advance(20.0)
        last = universe_of("coinbase.BTC-USD", start="2026-03-03", end="2026-03-04", timeframes=FRAMES)
        running = road(venue, last)
        assert running.ingest().success, running.notes()
        venue.play("F4", kind="candles", after=3)
        wider = road(
            venue, universe_of("coinbase.BTC-USD", start="2026-03-01", end="2026-03-04", timeframes=FRAMES)
        )
        assert wider.ingest().success, wider.notes()
        assert "1 symbol is waiting for coinbase: BTC-USD" in wider.notes()
        said = wider.table("candle_evidence")
        assert wider.table("candles").height == 1440 + 780
        venue.stop_faults()
        time.sleep(0.6)
        assert wider.ingest().success, wider.notes()
    lacking = said.filter(pl.col("time") < START + timedelta(days=2))
    assert lacking.select("time", "end", "kind").rows() == [
        (START + timedelta(hours=13), START + timedelta(days=2), "unknown")
    ]
    assert set(said["kind"]) == {"unknown"}
    assert said["reason"][0].startswith("not asked for: coinbase in maintenance since")
    assert wider.table("candles")["close"].to_list() == days["close"].to_list()


def test_a_hole_found_after_an_outage_is_unknown_and_repaired(
    road: Roads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue was down before it ever gave a bar: that must not excuse the minutes that it really lacks."""
    monkeypatch.setattr(transport, "MAINTENANCE", 0.5)
    first = CANDLES.head(715)
    served = {("hyperliquid", "BTC-USDC", "1m"): first, ("kraken", "BTC-USDC", "1m"): first}
    universe = universe_of("hyperliquid.BTC-USDC", timeframes=FRAMES, more='second = "kraken.BTC-USDC"\n')
    with Venue(VenueData(candles=served), now=START + timedelta(minutes=715, seconds=20)) as venue:
        running = road(venue, universe)
        venue.play("F4", venue="hyperliquid", kind="candles")
        assert running.ingest("BTC-USDC").success, running.notes()
        venue.stop_faults()
        time.sleep(0.6)
        venue.play("F13", venue="hyperliquid", minutes=[START + k * MINUTE for k in range(100, 400)])
        assert running.ingest("BTC-USDC").success, running.notes()
        assert running.build("BTC-USDC").success, running.notes()
    assert running.totals("BTC-USDC") == {
        "present": 715,
        "verified-empty": 0,
        "unknown": 725,
        "venue-down": 0,
    }
    origins = dict(running.table("bars", "BTC-USDC").group_by("origin").len().iter_rows())
    assert origins == {"candle": 415, "second-venue": 300}
