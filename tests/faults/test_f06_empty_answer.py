"""F6: a page, an empty body, another schema or no rows are not a quiet market."""

import polars as pl
import pytest

from tests.faults.conftest import NOW, START
from tests.faults.ticks import Roads, minutes
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
LONGER = synthetic_candles(START, 1441)
CANDLES = LONGER.head(1440)
SERVED = VenueData(candles={("coinbase", "BTC-USD", "1m"): LONGER}, derive_trades=True)
"""One minute more than is asked for: its trades show that those before them are all there are."""
KINDS = {"verified-empty", "unknown", "venue-down"}


def test_f06_an_exchange_that_answers_nothing_is_not_a_quiet_market(road: Roads) -> None:
    """Invariant: gap kind ∈ {verified-empty, unknown, venue-down}; here unknown, and no bar is made up."""
    with Venue(SERVED, now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        venue.play("F6", how="rows", kind="candles|trades", after=2, times=None)
        assert running.ingest().success, running.notes()
        said = running.notes()
        assert running.build().success, running.notes()
        held = running.table("candles").height
        assert 0 < held < 1440
        evidence, ledger, bars = (
            running.table("candle_evidence"),
            running.table("coverage"),
            running.table("bars"),
        )
        totals = running.totals()
        venue.stop_faults()
        assert running.ingest().success, running.notes()
        assert running.build().success, running.notes()
    assert "coinbase answered no trade of BTC-USD from 2026-03-01" in said
    assert "asked twice: not treated as a quiet market" in said
    assert set(ledger["kind"]) <= {"present", *KINDS}
    assert set(evidence["kind"]) == {"unknown"}
    assert totals == {"present": held, "verified-empty": 0, "unknown": 1440 - held, "venue-down": 0}
    assert bars.height == held
    assert running.totals() == {"present": 1440, "verified-empty": 0, "unknown": 0, "venue-down": 0}


@pytest.mark.parametrize("how", ["html", "empty", "object", "renamed", "rows"])
def test_one_answer_that_is_none_is_asked_for_again(road: Roads, how: str) -> None:
    with Venue(SERVED, now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        venue.play("F6", how=how, kind="candles", after=2, times=1)
        assert running.ingest().success, running.notes()
    stored = running.table("candles")
    assert stored["close"].to_list() == CANDLES["close"].to_list()
    assert set(stored["origin"]) == {"candle"}
    assert running.table("candle_evidence").is_empty()


def test_candles_that_are_not_answered_are_made_of_the_trades(road: Roads) -> None:
    """The trades endpoint is the other witness: what it has is used, and marked so."""
    with Venue(SERVED, now=NOW) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        venue.play("F6", how="rows", kind="candles", after=2, times=None)
        assert running.ingest().success, running.notes()
    stored = running.table("candles")
    for column in ("open", "high", "low", "close"):
        assert stored[column].to_list() == CANDLES[column].to_list()
    rebuilt = stored.filter(pl.col("origin") == "ticks")
    assert rebuilt.height > 700
    assert rebuilt["volume"].to_list() == pytest.approx(CANDLES["volume"].tail(rebuilt.height).to_list())


@pytest.mark.parametrize(
    ("fault", "args", "tries", "says"),
    [
        ("F2", {"status": 500}, 5, "coinbase answered HTTP 500"),
        ("F3", {"status": 404}, 1, "coinbase refuses it with HTTP 404"),
    ],
)
def test_trades_that_are_not_answered_cost_no_candle(
    road: Roads, fault: str, args: dict[str, int], tries: int, says: str
) -> None:
    """Thirty-six broken candles; the other witness is silent: it is asked once, and the day is stored without them."""
    broken = pl.col("open_time").dt.epoch("s") // 60 % 40 == 20
    candles = LONGER.with_columns(high=pl.when(broken).then(pl.col("low") - 1).otherwise("high"))
    with Venue(
        VenueData(candles={("coinbase", "BTC-USD", "1m"): candles}, derive_trades=True), now=NOW
    ) as venue:
        running = road(venue, minutes("coinbase.BTC-USD"))
        venue.play(fault, kind="trades", times=None, **args)
        assert running.ingest().success, running.notes()
        assert len(venue.of_kind("trades")) == tries
        assert says in running.notes()
        assert running.table("candles").height == 1440 - 36
        assert set(running.table("candle_evidence")["kind"]) == {"unknown"}
        venue.stop_faults()
        assert running.ingest().success, running.notes()
        assert running.table("candles").height == 1440
