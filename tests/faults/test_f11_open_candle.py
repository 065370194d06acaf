"""F11: the last candle that a venue serves is still open (Kraken always serves it). It waits until it has closed."""

from datetime import timedelta

import polars as pl
import pytest

from pipelines.market.timeframes import GRACE
from tests.faults.conftest import MINUTE, START
from tests.faults.ticks import Roads, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
BARS = 600
OPENED = START + BARS * MINUTE


def data(market: str) -> tuple[str, VenueData]:
    venue, _, symbol = market.partition(".")
    return symbol, VenueData(candles={(venue, symbol, "1m"): synthetic_candles(START, 1440)})


@pytest.mark.parametrize(
    "market", ["coinbase.BTC-USD", "kraken.BTC-USD", "hyperliquid.BTC-USDC", "alpaca.BTC-USD"]
)
def test_f11_a_candle_that_is_still_open_waits_for_its_close(
    market: str, road: Roads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant: max(bar close) <= now - grace, by the venue's clock; the user sees nothing but the account."""
    for name in ("ALPACA_API_KEY", "ALPACA_API_SECRET"):
        monkeypatch.setenv(name, "any-key-will-do-here")
    symbol, served = data(market)
    venue_name = market.partition(".")[0]
    with Venue(served, now=OPENED + timedelta(seconds=30)) as venue:
        venue.play("F11", venue=venue_name)
        for bars, seconds in ((BARS, 30), (BARS, 61), (BARS + 1, 66)):
            venue.now = OPENED + timedelta(seconds=seconds)
            running = road(venue, minutes(market))  # opened anew: it measures the venue's clock again
            assert running.ingest(symbol).success, running.notes()
            stored = running.table("candles", symbol)
            assert stored.height == bars
            assert stored["open_time"].max() + MINUTE <= venue.now - GRACE  # type: ignore[operator]
        assert running.build(symbol).success, running.notes()
        assert running.table("bars", symbol)["open_time"].max() == OPENED
        kept = stored.drop("seen_at", "origin", "market")
        assert kept.equals(served.candles[venue_name, symbol, "1m"].head(BARS + 1).select(kept.columns))
        assert not running.lake.exists("candle_revisions", {"symbol": symbol, "timeframe": "1m"})


def test_the_account_counts_the_candle_that_was_served_open(road: Roads) -> None:
    """Kraken serves the open candle whatever is asked: it was sent, and it is neither kept nor lost."""
    symbol, served = data("kraken.BTC-USD")
    with Venue(served, now=OPENED + timedelta(seconds=30)) as venue:
        running = road(venue, minutes("kraken.BTC-USD"))
        assert running.ingest(symbol).success
        assert (
            "601 rows answered = 600 kept + 0 quarantined + 0 repeats + 1 not yet closed" in running.notes()
        )
        assert OPENED not in running.table("candles", symbol).select(pl.col("open_time")).to_series()
