"""F8: a venue that answers its newest rows whatever was asked for; and a history that really begins late."""

import logging
import re
from datetime import timedelta

import polars as pl
import pytest

from resources import progress
from tests.faults.conftest import MINUTE, NOW, START, universe_of
from tests.faults.ticks import FRAMES, Roads, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
CANDLES = synthetic_candles(START, 1440)


def test_f08_history_that_is_dropped_is_made_of_trades_or_said_to_be_unknown(
    road: Roads, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant: first bar ≤ since + tf; what came is not taken for an answer to what was asked."""
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    caplog.set_level(logging.INFO, logger="tidemark")
    served = VenueData(candles={("coinbase", "BTC-USD", "1m"): CANDLES}, derive_trades=True)
    with Venue(served, now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        venue.play("F8", rows=300)
        assert running.ingest().success, running.notes()
    stored = running.table("candles")
    assert stored["open_time"].to_list() == CANDLES["open_time"].to_list()
    assert stored["open_time"][0] <= START + MINUTE
    assert stored["close"].to_list() == CANDLES["close"].to_list()
    assert stored.filter(pl.col("origin") == "candle").height <= 301
    assert "coinbase was asked for 2026-03-01 " in running.notes()
    assert "nothing of it is taken for an answer" in running.notes()
    shown = [record.message for record in caplog.records if "pages" in record.message]
    assert re.match(r"BTC-USD 1m: 0\.0 of 1\.0 days, 0 of 6 pages: 0 %", shown[0])


def test_without_trades_the_dropped_history_is_unknown(road: Roads) -> None:
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): CANDLES}), now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        venue.play("F8", rows=300)
        assert running.ingest().success, running.notes()
        assert running.build().success, running.notes()
    totals = running.totals()
    assert totals["present"] == running.table("candles").height <= 300
    assert totals["unknown"] == 1440 - totals["present"]
    assert "not treated as a quiet market" in running.notes("candles") or totals["verified-empty"] == 0


def test_a_history_that_begins_late_is_proven_to_have_been_listed_then(road: Roads) -> None:
    """Daily candles begin on the same day: nothing older was ever there."""
    begin = START + timedelta(hours=6)
    minutes = CANDLES.filter(pl.col("open_time") >= begin)
    daily = synthetic_candles(START, 1, "1d")
    served = {("coinbase", "BTC-USD", "1m"): minutes, ("coinbase", "BTC-USD", "1d"): daily}
    with Venue(VenueData(candles=served), now=NOW) as venue:
        running = road(venue, universe_of("coinbase.BTC-USD", start="2026-02-27", timeframes=FRAMES))
        assert running.ingest().success, running.notes()
    assert "listed on coinbase since 2026-03-01 06:00 UTC: daily candles begin there too" in running.notes()
    assert set(running.table("candle_evidence")["kind"]) == {"verified-empty"}
    assert running.table("candles")["open_time"].to_list() == minutes["open_time"].to_list()
