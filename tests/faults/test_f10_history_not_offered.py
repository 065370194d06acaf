"""F10: Kraken serves its newest 720 candles only. That is said before the first is asked for; trades make the rest."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tests.faults.conftest import NOW, START, universe_of
from tests.faults.ticks import Roads, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
CANDLES = synthetic_candles(START, 1440)


def test_f10_what_candles_do_not_offer_is_planned_before_the_first_call(
    road: Roads, caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant: the request plan is validated before the first call."""
    served = VenueData(candles={("kraken", "BTC-USD", "1m"): CANDLES}, derive_trades=True)
    with Venue(served, now=NOW) as venue:
        running = road(venue, minutes("kraken.BTC-USD"))
        assert running.ingest().success, running.notes()
        asked, trades = venue.of_kind("candles"), venue.of_kind("trades")
    said = "kraken serves the newest 720 candles: 12 h at 1m; you asked for 24 h from 2026-03-01 00:00 UTC"
    assert said in running.notes()
    assert "its trades can rebuild older ones (about " in running.notes()
    told = next(record for record in caplog.records if said in record.message)
    assert datetime.fromtimestamp(told.created, UTC) < min(seen.wall for seen in (*asked, *trades))
    served_from = NOW - timedelta(seconds=30) - timedelta(minutes=719)
    assert len(asked) == 1
    assert int(asked[0].query["since"]) >= int(served_from.timestamp()) - 60
    assert trades
    stored = running.table("candles")
    assert stored["open_time"].to_list() == CANDLES["open_time"].to_list()
    for column in ("open", "high", "low", "close"):
        assert stored[column].to_list() == CANDLES[column].to_list()
    counts = dict(stored.group_by("origin").len().rows())
    assert counts == {"candle": 719, "ticks": 721}
    assert stored.filter(pl.col("origin") == "ticks")["open_time"].max() < served_from


def test_a_timeframe_that_is_not_offered_is_refused_without_a_request(road: Roads) -> None:
    with Venue(VenueData(candles={("kraken", "BTC-USD", "1m"): CANDLES}), now=NOW) as venue:
        running = road(venue, universe_of("kraken.BTC-USD", timeframes='["1h", "12h"]'))
        failed = running.ingest(timeframe="12h")
        assert not venue.of_kind("candles")
    assert not failed.success
    assert "kraken offers no 12h candles: expected one of 1m, 5m, 15m, 30m, 1h, 1d" in running.notes()
