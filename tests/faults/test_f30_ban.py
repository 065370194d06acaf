"""F30: a ban. Every worker of the venue stops at once, one message says so, and a wrong name is no ban."""

import pytest

from tests.faults.conftest import NOW, START
from tests.faults.ticks import Roads, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
CANDLES = synthetic_candles(START, 1440)
SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "ADA-USD", "DOT-USD")


@pytest.mark.parametrize("status", [403, 418])
def test_f30_a_ban_stops_every_worker_and_is_one_message(
    road: Roads, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Invariant: log lines per incident ≤ 5."""
    served = {("coinbase", symbol, "1m"): CANDLES for symbol in SYMBOLS}
    with Venue(VenueData(candles=served), now=NOW) as venue:
        running = road(venue, minutes(*(f"coinbase.{symbol}" for symbol in SYMBOLS)))
        venue.play("F30", status=status, after=6)
        runs = [running.ingest(symbol) for symbol in SYMBOLS]
        banned = [seen for seen in venue.requests if seen.faults]
    assert not any(run.success for run in runs)
    assert len(banned) == 1
    said = running.notes()
    assert f"coinbase has banned this address (HTTP {status}, a page titled 'Access denied')" in said
    assert "every worker stopped asking it until " in said
    assert "lower requests_per_second of coinbase and run the same command again then" in said
    told = [
        record for record in caplog.records if "coinbase" in record.getMessage() and record.name == "tidemark"
    ]
    about_the_ban = [record for record in told if "banned" in record.getMessage()]
    assert 1 <= len(about_the_ban) <= 5
    assert all(running.table("candles", symbol).is_empty() for symbol in SYMBOLS)


def test_a_symbol_that_the_venue_does_not_list_is_refused_once(road: Roads) -> None:
    """A wrong name in the settings must not become requests that get an address banned."""
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): CANDLES}), now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USDX"))
        failed = running.ingest("BTC-USDX")
        assert not venue.of_kind("candles")
    assert not failed.success
    assert (
        "coinbase lists no BTC-USDX (as BTC/USDX): expected one of its 1 markets, found BTC/USD"
        in running.notes()
    )
