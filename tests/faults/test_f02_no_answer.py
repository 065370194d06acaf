"""F2: 5xx, timeouts and resets are tried again at most five times; then the partition fails, and only it."""

import pytest

from resources.venues import transport
from tests.faults.conftest import NOW, START
from tests.faults.ticks import Roads, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
CANDLES = synthetic_candles(START, 1440)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "BACKOFF", 0.02)


def test_f02_a_venue_that_does_not_answer_fails_the_partition_only(
    road: Roads, caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant: no partial page merged; the run that follows asks for what is missing and for nothing else."""
    served = {("coinbase", symbol, "1m"): CANDLES for symbol in ("BTC-USD", "ETH-USD")}
    with Venue(VenueData(candles=served), now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD", "coinbase.ETH-USD"))
        fault = venue.play("F2", kind="candles", match="BTC-USD", after=2, times=None, status=502)
        failed = running.ingest()
        assert not failed.success
        why = running.notes().strip()
        assert running.table("candles").is_empty()
        assert running.table("candle_evidence").is_empty()
        assert fault.played == 5
        assert running.ingest("ETH-USD").success, running.notes()
        venue.stop_faults()
        venue.clear()
        assert running.ingest().success, running.notes()
        assert len(venue.of_kind("candles")) == 4  # two of the six pages were kept
    assert "coinbase answered HTTP 502" in why
    assert "the last of 5 tries of GET" in why
    assert why.endswith("nothing of it was kept, run the same command again later.")
    told = [record.message for record in caplog.records if "trying again" in record.message]
    assert told
    assert "(2/5)" in told[0]
    assert len(told) <= 5
    for symbol in ("BTC-USD", "ETH-USD"):
        assert running.table("candles", symbol)["close"].to_list() == CANDLES["close"].to_list()


@pytest.mark.parametrize("how", ["timeout", "reset"])
def test_a_request_that_is_answered_at_the_third_try_costs_nothing(
    road: Roads, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    with Venue(VenueData(candles={("coinbase", "BTC-USD", "1m"): CANDLES}), now=NOW) as venue:
        rate = "requests_per_second = 1000.0"
        source = venue.source_settings().replace(rate, f"{rate}\ntimeout = 1.0")
        running = road(venue, minutes("coinbase.BTC-USD"), source)
        venue.play("F2", kind="candles", how=how, after=1, times=2)
        assert running.ingest().success, running.notes()
        assert len(venue.of_kind("candles")) == 8
    said = "did not answer within 1 s" if how == "timeout" else "could not be reached|broke off its answer"
    assert [
        r
        for r in caplog.records
        if any(part in r.message for part in said.split("|")) and "(2/5)" in r.message
    ]
    assert running.table("candles")["close"].to_list() == CANDLES["close"].to_list()
    assert running.table("candle_evidence").is_empty()
