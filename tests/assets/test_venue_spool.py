"""The spool on the road of a venue: a page that answered another question is never taken for an answer to this one."""

from collections.abc import Callable
from datetime import timedelta

import polars as pl
import pytest

from pipelines.market.schemas import CANDLES
from tests.faults.conftest import NOW, START, Road, road, universe_of
from tests.venue import Venue, VenueData, synthetic_candles

__all__ = ["road"]
pytestmark = pytest.mark.slow
UNIVERSE = universe_of("coinbase.BTC-USD", timeframes='["1m", "1h"]')
WRONG = 'venue = "coinbase"\nsymbols = { "BTC-USD" = "ETH/USD" }'


def test_pages_of_a_wrong_name_are_gone_when_the_name_is_corrected(road: Callable[..., Road]) -> None:
    """Three pages of ETH under BTC's name, then an outage; the name is corrected and the run begins again."""
    bitcoin = synthetic_candles(START, 1440)
    ether = bitcoin.with_columns((pl.col(name) * 0.05).round(2) for name in ("open", "high", "low", "close"))
    data = VenueData(candles={("coinbase", "BTC-USD", "1m"): bitcoin, ("coinbase", "ETH-USD", "1m"): ether})
    with Venue(data, now=NOW) as venue:
        right = venue.source_settings()
        venue.play("F2", kind="candles", after=3, times=None, status=500)
        assert not road(venue, UNIVERSE, right.replace('venue = "coinbase"', WRONG)).ingest().success
        venue.stop_faults()
        venue.clear()
        corrected = road(venue, UNIVERSE, right)
        assert corrected.ingest().success
        pages = len(venue.of_kind("candles", "coinbase"))
    assert (
        corrected.table("candles")
        .select(list(CANDLES))
        .equals(bitcoin.select(list(CANDLES)).cast(dict(CANDLES)))
    )
    assert pages >= 5


def test_pages_of_the_same_question_serve_the_next_run(road: Callable[..., Road]) -> None:
    """What is corrected above must not cost the resumed run its pages."""
    data = VenueData(candles={("coinbase", "BTC-USD", "1m"): synthetic_candles(START, 1440)})
    with Venue(data, now=NOW) as venue:
        venue.play("F2", kind="candles", after=3, times=None, status=500)
        opened = road(venue, UNIVERSE)
        assert not opened.ingest().success
        venue.stop_faults()
        venue.clear()
        again = road(venue, UNIVERSE)
        assert again.ingest().success
        assert len(venue.of_kind("candles", "coinbase")) < 5, "a day has five pages"
    assert again.table("candles").height == timedelta(days=1) // timedelta(minutes=1)
