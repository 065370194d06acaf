"""F3: a refusal that asking again cannot help is asked once, and says what to do."""

import pytest

from tests.faults.conftest import NOW, START
from tests.faults.ticks import Roads, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
REMEDIES = {
    400: "correct the symbol, timeframe or span",
    401: "correct its API key in the environment",
    403: "check what the API key may read, and whether the venue serves your country",
    404: "correct the symbol or base_url",
    451: "it may not serve your country: remove it from the settings or use another venue",
}


@pytest.mark.parametrize("status", sorted(REMEDIES))
def test_f03_a_permanent_refusal_is_asked_once_and_names_its_remedy(
    road: Roads, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Invariant: attempts on permanent = 1."""
    served = {("coinbase", "BTC-USD", "1m"): synthetic_candles(START, 1440)}
    with Venue(VenueData(candles=served), now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        venue.play("F3", kind="candles", status=status)
        failed = running.ingest()
        assert len(venue.of_kind("candles")) == 1
    assert not failed.success
    why = running.notes().strip()
    assert f"coinbase refuses it with HTTP {status}" in why
    assert why.endswith(f": {REMEDIES[status]}.")
    assert "Traceback" not in why
    assert "trying again" not in caplog.text
    assert running.table("candles").is_empty()
