"""Daily candles of the test venue are the shorter ones put together, and prove when a market listed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from tests.faults.conftest import Road, instance, universe_of
from tests.venue import Venue, VenueData, synthetic_candles
from tests.venue.daily import daily, with_daily

__all__ = ["instance"]  # a fixture

START = datetime(2026, 3, 1, 7, tzinfo=UTC)
MINUTES = synthetic_candles(START, 2 * 1440)


def test_a_day_is_its_minutes() -> None:
    days = daily(MINUTES)
    assert days["open_time"].to_list() == [
        datetime(2026, 3, day, tzinfo=UTC).replace(tzinfo=days["open_time"][0].tzinfo) for day in (1, 2, 3)
    ]
    assert days["volume"].sum() == pytest.approx(MINUTES["volume"].sum())
    assert days["high"].max() == MINUTES["high"].max()
    assert (days["open"][0], days["close"][-1]) == (MINUTES["open"][0], MINUTES["close"][-1])


@pytest.mark.slow
def test_the_time_before_a_listing_is_asked_about_once(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """Forty days were asked for and two are there: the second run asks for the newest bars alone."""
    data = with_daily(VenueData(candles={("coinbase", "BTC-USD", "1m"): MINUTES}, derive_trades=True))
    universe = universe_of(
        "coinbase.BTC-USD", start="2026-01-20", end="2026-03-04", timeframes='["1m", "1h"]'
    )
    with Venue(data, now=START + timedelta(days=2, seconds=30)) as venue:
        road = Road(venue, tmp_path, instance, universe, venue.source_settings())
        assert road.ingest().success
        assert "listed on coinbase since 2026-03-01 07:00 UTC" in road.notes()
        venue.clear()
        assert road.ingest().success
        assert len(venue.of_kind("candles")) == 1
        assert not venue.of_kind("trades")
    assert road.table("candles")["close"].to_list() == pl.Series(MINUTES["close"]).to_list()
