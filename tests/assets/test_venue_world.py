"""The market road over real clients: what a venue serves becomes candles, bars, a ledger and a page of quality.

The server of tests/venue speaks Coinbase's and Kraken's wire formats; nothing of ours is replaced.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from pipelines.market.coverage import totals
from tests.assets.world import REST, World, checks, metadata, why
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=1, seconds=30)
MINUTE = timedelta(minutes=1)
KEYS = {"symbol": "BTC-USD", "timeframe": "1m"}
PARTITION = "BTC-USD|1m"
UNIVERSE = """
[universe]
start = 2026-03-01
end = 2026-03-02
timeframes = ["1m"]
windows = ["seq300"]
[[universe.symbols]]
symbol = "BTC-USD"
primary = "coinbase.BTC-USD"
"""


@pytest.fixture
def served() -> pl.DataFrame:
    """A day of minutes of which two were quiet."""
    candles = synthetic_candles(START, 1440)
    quiet = pl.col("open_time").is_in([START + 100 * MINUTE, START + 101 * MINUTE])
    return candles.filter(~quiet)


@pytest.fixture
def venue(served: pl.DataFrame) -> Iterator[Venue]:
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): served}), now=NOW) as running:
        yield running


def world(venue: Venue, tmp_path: Path, instance: dg.DagsterInstance) -> World:
    return World(tmp_path, instance, UNIVERSE + venue.source_settings() + REST.replace('"1h"', '"1m"'))


def test_a_day_of_a_venue_becomes_bars_whose_ledger_adds_up(
    venue: Venue, served: pl.DataFrame, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    road = world(venue, tmp_path, instance)
    assert road.run("ingest_candles", PARTITION).success
    built = road.run("build_bars_and_features", PARTITION)
    bars, ledger = road.lake.read("bars", KEYS), road.lake.read("coverage", KEYS)
    assert totals(ledger) == {"present": 1438, "verified-empty": 2, "unknown": 0, "venue-down": 0}
    assert (
        bars.filter(pl.col("origin") == "candle").drop("origin")["close"].to_list()
        == served["close"].to_list()
    )
    assert bars.filter(pl.col("origin") == "verified-empty")["volume"].to_list() == [0.0, 0.0]
    assert all(checks(built).values())
    page = Path(metadata(built, "data_quality")["report"]).read_text()
    assert "BTC-USD" in page


def test_a_second_run_asks_for_the_newest_bars_only(
    venue: Venue, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    road = world(venue, tmp_path, instance)
    first = road.run("ingest_candles", PARTITION)
    pages = len(venue.of_kind("candles", "coinbase"))
    again = road.run("ingest_candles", PARTITION)
    assert metadata(first, "candles")["added"] == 1438
    assert metadata(again, "candles")["added"] == 0
    assert pages >= 5
    assert len(venue.of_kind("candles", "coinbase")) == pages + 1
    assert metadata(first, "candles")["sha256"] == metadata(again, "candles")["sha256"]


@pytest.mark.parametrize(("name", "kind"), [("coinbase", "candles"), ("alpaca", "markets")])
@pytest.mark.parametrize("echo", ["no {}", "the " * 20 + "key {}", 'bad \\"apiKey\\":\\"{}\\"'])
def test_a_key_is_never_needed_where_data_is_public_and_never_said_or_kept_where_it_is_sent(
    name: str,
    kind: str,
    echo: str,
    tmp_path: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Alpaca's list of markets needs a key; the venue repeats it, once so late that the excerpt is cut inside it."""
    key, secret = "first-key-of-sixteen-characters", "second-secret-of-sixteen-characters"
    monkeypatch.setenv(f"{name.upper()}_API_KEY", key)
    monkeypatch.setenv(f"{name.upper()}_API_SECRET", secret)
    with Venue(VenueData(candles={("any", "BTC-USD", "1m"): synthetic_candles(START, 60)}), now=NOW) as venue:
        text = (
            UNIVERSE.replace("coinbase.", f"{name}.") + venue.source_settings() + REST.replace('"1h"', '"1m"')
        )
        road = World(tmp_path, instance, text)
        venue.play("F3", venue=name, kind=kind, status=401, message=echo.format(key) + secret)
        failed = road.run("ingest_candles", PARTITION)
        asked = [" ".join(seen.headers.values()) for seen in venue.of_kind(kind, name)]
    assert not failed.success
    assert "refuses it with HTTP 401" in why(failed)
    assert [key in headers for headers in asked] == [name == "alpaca"]
    said = "".join(str(event) for event in failed.all_events) + why(failed)
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for part in (key[:12], secret[:12]):
        assert part not in said
        assert not [content for content in kept if part.encode() in content]
