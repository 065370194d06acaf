"""Wallet fills of a venue over real clients: what it no longer has stays, and only what is missing is asked for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from pipelines.market.wallets.kept import ASKED
from tests.assets.world import metadata, why
from tests.faults.conftest import START, Road, road, universe_of
from tests.venue import Venue, VenueData, synthetic_candles

__all__ = ["road"]
pytestmark = pytest.mark.slow
ONE, OTHER = "0x" + "ab" * 20, "0x" + "CD" * 20
STEP = timedelta(minutes=5)
KEYS = {"symbol": "BTC-USDC"}
UNIVERSE = universe_of(
    "hyperliquid.BTC-USDC", start="2026-03-01", end="2026-05-01", timeframes='["1m", "1h"]'
)


def fill(number: int, at: datetime) -> dict[str, Any]:
    return {"coin": "BTC", "px": f"{100 + number % 7}.5", "sz": "0.5", "side": "BA"[number % 2], "tid": 900 + number,
            "time": int(at.timestamp() * 1000)}  # fmt: skip


def ingest(road: Callable[..., Road], venue: Venue, *wallets: str) -> tuple[Road, dg.ExecuteInProcessResult]:
    listed = ", ".join(f'"{each}"' for each in wallets)
    source = venue.source_settings().replace(
        "requests_per_second", f"wallets = [{listed}]\nrequests_per_second", 1
    )
    opened = road(venue, UNIVERSE, source)
    venue.clear()
    return opened, opened.world.run("ingest_wallet_fills", "BTC-USDC")


def test_what_the_venue_forgot_stays_and_only_the_newest_is_asked_for(road: Callable[..., Road]) -> None:
    fills = {ONE: [fill(n, START + n * STEP) for n in range(3000)]}
    data = VenueData(candles={("hyperliquid", "BTC-USDC", "1m"): synthetic_candles(START, 60)}, fills=fills)
    with Venue(data, now=datetime(2026, 4, 1, tzinfo=UTC)) as venue:
        opened, first = ingest(road, venue, ONE)
        assert first.success, why(first)
        whole = opened.lake.read("wallet_fills", KEYS)
        pages = len(venue.of_kind("fills"))
        assert whole.height == 3000

        fills[ONE][:] = [
            *fills[ONE][2000:],
            fill(3000, START + 3000 * STEP),
        ]  # the oldest 2,000 are gone there
        _, second = ingest(road, venue, ONE)
        grown = opened.lake.read("wallet_fills", KEYS)
        assert grown.height == 3001
        assert grown.head(3000).equals(whole)
        asked = [seen.json["startTime"] for seen in venue.of_kind("fills") if seen.json]
        assert min(asked) == int((START + 2999 * STEP - timedelta(hours=1)).timestamp() * 1000)
        assert len(asked) < pages
        assert "1 fills are new, 3,000 were stored" in metadata(second, "wallet_fills")["notes"]

        venue.play("F6", how="rows", kind="fills", times=None)
        _, third = ingest(road, venue, ONE)
        assert third.success, why(third)
        assert opened.lake.read("wallet_fills", KEYS).equals(grown), "an answer of nothing takes nothing away"
        assert metadata(third, "wallet_fills")["dagster/partition_row_count"] == 3001


def test_a_wallet_that_is_followed_later_is_asked_from_the_start(road: Callable[..., Road]) -> None:
    fills = {
        ONE: [fill(n, START + n * STEP) for n in range(100)],
        OTHER.lower(): [fill(5000 + n, START + n * STEP) for n in range(50)],
    }
    data = VenueData(candles={("hyperliquid", "BTC-USDC", "1m"): synthetic_candles(START, 60)}, fills=fills)
    with Venue(data, now=datetime(2026, 4, 1, tzinfo=UTC)) as venue:
        opened, _ = ingest(road, venue, ONE)
        _, second = ingest(road, venue, ONE, OTHER)
        assert second.success, why(second)
        found = opened.lake.read("wallet_fills", KEYS)
        said = opened.lake.read("wallet_evidence", KEYS)
    assert dict(found.group_by("address").len().iter_rows()) == {ONE: 100, OTHER.lower(): 50}
    assert set(said["kind"]) == {ASKED}
    assert set(said["address"]) == {ONE, OTHER.lower()}
    assert set(said["time"]) == {START}


def test_a_full_record_is_said_to_lack_what_came_before_it(road: Callable[..., Road]) -> None:
    fills = {ONE: [fill(n, START + timedelta(days=1, seconds=n)) for n in range(10_000)]}
    data = VenueData(candles={("hyperliquid", "BTC-USDC", "1m"): synthetic_candles(START, 60)}, fills=fills)
    with Venue(data, now=datetime(2026, 4, 1, tzinfo=UTC)) as venue:
        opened, run = ingest(road, venue, ONE)
        notes = metadata(run, "wallet_fills")["notes"]
        _, again = ingest(road, venue, ONE)
    lost = f"{ONE}: fills from 2026-03-01 00:00:00 to 2026-03-02 00:00:00 UTC may be missing: the venue keeps"
    assert lost in notes
    assert lost in metadata(again, "wallet_fills")["notes"], "it is kept, though this run was not told so"
    assert opened.lake.read("wallet_fills", KEYS).height == 10_000
