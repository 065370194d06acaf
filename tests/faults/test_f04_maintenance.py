"""F4: a venue in maintenance. The window is venue-down, nothing is made up for it, and nobody keeps knocking."""

import re
import time
from datetime import timedelta

import polars as pl
import pytest

from resources.venues import transport
from tests.faults.conftest import MINUTE, NOW, START
from tests.faults.ticks import Roads, minutes
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
