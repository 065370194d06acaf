"""F9: answers that reach beyond what was asked for, repeat rows, and contradict themselves."""

from datetime import timedelta

import polars as pl
import pytest

from tests.faults.conftest import NOW, START
from tests.faults.ticks import Roads, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
WHOLE = synthetic_candles(START - timedelta(hours=1), 1500)
CANDLES = WHOLE.filter(pl.col("open_time") >= START)
CONTRADICTED = "the same answer gives this open_time other values too, and nobody can say which are right"


def test_f09_overlaps_are_clipped_and_contradictions_are_counted(road: Roads) -> None:
    """Invariant: duplicates with different values = 0, else a record of the other value.

    Of two values in one answer neither is believed: the bar is asked for again, and is unknown until one answer
    gives it once.
    """
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): WHOLE}), now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        venue.play("F9", before=2, past=2, duplicates=3, different=True)
        assert running.ingest().success, running.notes()
        said = running.notes()
        agreed = CANDLES.head(1437)  # the newest three stand at the end of every answer
        assert prices(running.table("candles")).equals(prices(agreed))
        refused = running.lake.read("quarantine", {"refused_for": "candles", "part": "BTC-USD.1m"})
        assert set(refused["reason"]) == {CONTRADICTED}
        assert f"{refused.height:,} quarantined" in said
        assert "what coinbase gave for 2026-03-01 23:57 to 2026-03-02 00:00 UTC was quarantined" in said
        venue.stop_faults()
        assert running.ingest().success, running.notes()
    assert prices(running.table("candles")).equals(prices(CANDLES))
    assert running.table("candle_revisions").is_empty()


def prices(candles: pl.DataFrame) -> pl.DataFrame:
    """What a candle says, without where it came from."""
    return candles.select("open_time", "open", "high", "low", "close", "volume")


def test_equal_repeats_are_dropped_and_counted(road: Roads) -> None:
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): WHOLE}), now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        venue.play("F9", before=2, past=2, duplicates=3)
        assert running.ingest().success, running.notes()
    assert running.table("candles")["close"].to_list() == CANDLES["close"].to_list()
    assert "1,440 kept + 0 quarantined" in running.notes()
    assert running.table("candle_revisions").is_empty()


def test_a_value_that_differs_in_a_later_run_is_a_revision(road: Roads) -> None:
    """The newest candles are asked for again; another value stands beside the first, and never instead of it."""
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): WHOLE}), now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        assert running.ingest().success, running.notes()
        venue.play("F12", bars=2)
        assert running.ingest().success, running.notes()
    assert running.table("candles")["volume"].to_list() == CANDLES["volume"].to_list()
    revised = running.table("candle_revisions")
    assert revised["open_time"].to_list() == CANDLES["open_time"].tail(2).to_list()
    assert revised["volume"].to_list() != CANDLES["volume"].tail(2).to_list()
