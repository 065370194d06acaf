"""Settled funding of a venue over real clients: a narrower universe, and a symbol whose market changes."""

from collections.abc import Callable
from datetime import timedelta

import polars as pl
import pytest

from pipelines.market.schemas import FUNDING
from tests.assets.world import why
from tests.faults.conftest import START, Road, road, universe_of
from tests.venue import Venue, VenueData, synthetic_candles

__all__ = ["road"]
pytestmark = pytest.mark.slow
KEYS = {"symbol": "BTC-USDC"}
HOURS = 24 * 60


@pytest.fixture
def data() -> VenueData:
    hours = [START + timedelta(hours=n) for n in range(HOURS)]
    rates = pl.DataFrame({"time": hours, "funding_rate": [1e-5 * (n % 7 - 2) for n in range(HOURS)]})
    candles = synthetic_candles(START, 60)
    return VenueData(candles={("hyperliquid", "BTC-USDC", "1m"): candles}, funding={"BTC": rates})


def until(end: str, market: str = "hyperliquid.BTC-USDC", start: str = "2026-03-01") -> str:
    return universe_of(market, start=start, end=end, timeframes='["1m", "1h"]')


def test_a_narrower_universe_keeps_what_is_stored_and_a_wider_one_adds_to_it(
    data: VenueData, road: Callable[..., Road]
) -> None:
    with Venue(data, now=START + timedelta(days=50)) as venue:
        heights = []
        for universe in (
            until("2026-04-01", start="2026-03-10"),
            until("2026-03-20", start="2026-03-10"),
            until("2026-03-05"),  # ends before what is stored begins
            until("2026-04-15"),
        ):
            opened = road(venue, universe)
            done = opened.world.run("ingest_funding", "BTC-USDC")
            assert done.success, why(done)
            stored = opened.lake.read("funding", KEYS)
            heights.append(stored.height)
    assert heights == [22 * 24, 22 * 24, 31 * 24, 45 * 24]
    assert stored["time"].to_list() == [START + timedelta(hours=n) for n in range(45 * 24)]
    assert set(stored["market"]) == {"hyperliquid.BTC-USDC"}


def test_rates_of_two_markets_are_never_spliced(data: VenueData, road: Callable[..., Road]) -> None:
    with Venue(data, now=START + timedelta(days=50)) as venue:
        before = road(venue, until("2026-03-20"))
        assert before.world.run("ingest_funding", "BTC-USDC").success
        stored = before.lake.read("funding", KEYS)
        moved = venue.source_settings().replace(
            'venue = "hyperliquid"', 'venue = "other"\nccxt = "hyperliquid"'
        )
        after = road(venue, until("2026-04-15", "other.BTC-USDC"), moved)
        failed = after.world.run("ingest_funding", "BTC-USDC")
    assert not failed.success
    assert "BadSettings" in why(failed)
    assert (
        "stored funding is of hyperliquid.BTC-USDC, expected it as the primary market, found other.BTC-USDC"
        in (why(failed))
    )
    assert after.lake.read("funding", KEYS).equals(stored)


def test_rows_of_an_older_version_are_taken_for_the_market_s(
    data: VenueData, road: Callable[..., Road]
) -> None:
    with Venue(data, now=START + timedelta(days=50)) as venue:
        opened = road(venue, until("2026-03-20"))
        assert opened.world.run("ingest_funding", "BTC-USDC").success
        stored = opened.lake.read("funding", KEYS)
        fresh = road(venue, until("2026-04-01"))
        fresh.lake.replace(
            "funding", stored.select(list(FUNDING)).with_columns(market=pl.lit(None, pl.String)), KEYS
        )
        assert fresh.world.run("ingest_funding", "BTC-USDC").success
        found = fresh.lake.read("funding", KEYS)
    assert found.height == 31 * 24
    assert set(found["market"]) == {"hyperliquid.BTC-USDC"}
