"""A venue to test against: one local HTTP server that speaks five wire formats and plays every fault of F1–F30.

    with Venue(data=folder_or_VenueData) as venue:
        venue.play("F1", venue="coinbase", kind="candles", times=3, retry_after=2)
        exchange = ExchangeSettings("coinbase", base_url=venue.url + "/coinbase")
        ...
        assert venue.requests[-1].kind == "candles"

What does not live here: mocks of our own code, and the tests of this server (tests/venue_tests/).
"""

from tests.venue.data import VenueData
from tests.venue.faults import FAULTS
from tests.venue.server import Venue
from tests.venue.tables import synthetic_candles

__all__ = ["FAULTS", "Venue", "VenueData", "synthetic_candles"]
