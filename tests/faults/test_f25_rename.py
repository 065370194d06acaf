"""F25: a symbol is renamed; the old name leaves the venue's list and the market goes on under a new one."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tests.faults.conftest import MINUTE, START, Road, universe_of
from tests.venue import Venue, VenueData, synthetic_candles

pytestmark = pytest.mark.slow
ENDED = START + timedelta(days=1)
QUESTION = "EOS-USD ended 2026-03-02; continue as A-USD? (ratio 1:1)"
UNIVERSE = universe_of("coinbase.EOS-USD", "coinbase.A-USD", end="2026-03-03", timeframes='["1m", "1h"]')
RENAME = """
[[source.venues.renames]]
symbol = "EOS-USD"
ended = 2026-03-02
continues_as = "A-USD"
"""
SERVED = synthetic_candles(START, 2 * 1440)


@pytest.fixture
def venue() -> Iterator[Venue]:
    data = VenueData(candles={("coinbase", "EOS-USD", "1m"): SERVED})
    with Venue(data, now=ENDED - timedelta(hours=1) + timedelta(seconds=30)) as running:
        running.play("F25", symbol="EOS-USD", becomes="A-USD", at=ENDED)
        yield running


def told_of(venue: Venue, road: Callable[..., Road], more: str = "") -> Road:
    """The same world with other renames declared."""
    return road(venue, UNIVERSE, venue.source_settings() + more)


def past_the_end(venue: Venue) -> None:
    venue.now = ENDED + timedelta(days=1, seconds=30)


def test_f25_a_renamed_symbol_is_asked_about_and_no_return_crosses_it(
    venue: Venue, road: Callable[..., Road]
) -> None:
    """Invariant: no return computed across alias without ratio."""
    here = told_of(venue, road)
    assert here.ingest("EOS-USD").success
    past_the_end(venue)

    assert not here.ingest("EOS-USD").success
    assert "EOS-USD is no longer listed by coinbase, which has A/USD" in here.notes()
    assert "say so under source.venues.renames" in here.notes()
    assert here.table("candles", "EOS-USD").height == 1380, "its candles are kept"

    here = told_of(venue, road, RENAME)
    assert here.ingest("EOS-USD").success, here.notes()
    assert f"{QUESTION}: set joined = true in source.venues.renames of EOS-USD to join them" in here.notes()
    assert "coinbase no longer lists EOS-USD, which ended" in here.notes()
    venue.clear()
    assert here.ingest("A-USD").success, here.notes()
    assert QUESTION in here.notes()
    asked = [int(seen.query["start"]) for seen in venue.of_kind("candles")]
    assert min(asked) >= (ENDED - 31 * MINUTE).timestamp(), (
        "the time before the rename is not A-USD's to ask for"
    )

    for symbol, first, last, unknown in (
        ("EOS-USD", START, ENDED - 61 * MINUTE, 1500),
        ("A-USD", ENDED, ENDED + 1439 * MINUTE, 1440),
    ):
        assert here.build(symbol).success, here.notes("bars")
        bars = here.table("bars", symbol)
        assert (bars["open_time"].min(), bars["open_time"].max()) == (first, last)
        assert here.totals(symbol)["unknown"] == unknown
        ledger = here.table("coverage", symbol)
        assert ledger.filter(pl.col("reason").str.contains(QUESTION, literal=True))["bars"].sum() == 1440
        features = here.table("features", symbol)
        assert features["open_time"].min() == first, "no return reaches behind the first bar of a name"


def test_joined_with_a_ratio_the_two_are_one_history_and_apart_again_without(
    venue: Venue, road: Callable[..., Road]
) -> None:
    """joined = true divides the old prices by the ratio; taken back, nothing of it is left in the bars."""
    old_units = pl.when(pl.col("open_time") < ENDED).then(4.0).otherwise(1.0)
    prices = pl.col("open", "high", "low", "close")
    served = SERVED.with_columns(prices * old_units, pl.col("volume") / old_units)
    venue.data = VenueData(candles={("coinbase", "EOS-USD", "1m"): served})
    assert told_of(venue, road).ingest("EOS-USD").success
    past_the_end(venue)
    joined = told_of(venue, road, RENAME + "ratio = 4.0\njoined = true\n")
    assert joined.ingest("A-USD").success, joined.notes()
    run = joined.build("A-USD")
    assert run.success, joined.notes("bars")
    assert joined.notes("bars") == (
        "- 1380 candles of EOS-USD before 2026-03-02 were joined to 1440 of A-USD from then on, prices divided by 4"
    )
    bars = joined.table("bars", "A-USD").filter(pl.col("origin") == "candle")
    old = bars.filter(pl.col("open_time") < ENDED)
    want = served.head(1380)
    assert old["close"].to_list() == (want["close"] / 4).to_list()
    assert old["volume"].to_list() == (want["volume"] * 4).to_list()
    assert (
        bars.filter(pl.col("open_time") >= ENDED)["close"].to_list() == SERVED.tail(1440)["close"].to_list()
    )
    assert joined.table("candles", "A-USD")["open_time"].min() == ENDED, (
        "stored apart, joined when it is read"
    )

    apart = told_of(venue, road, RENAME)
    assert apart.build("A-USD").success
    assert apart.table("bars", "A-USD")["open_time"].min() == ENDED


def test_a_history_served_under_the_new_name_is_not_joined_unasked(road: Callable[..., Road]) -> None:
    """Coinbase may serve the old name's candles under the new one: stored before the rename was told, never used."""
    data = VenueData(candles={("coinbase", "A-USD", "1m"): SERVED})
    with Venue(data, now=datetime(2026, 3, 3, 0, 0, 30, tzinfo=UTC)) as venue:
        assert told_of(venue, road).ingest("A-USD").success
        here = told_of(venue, road, RENAME)
        assert here.table("candles", "A-USD").height == 2880
        assert here.build("A-USD").success, here.notes("bars")
        assert here.table("bars", "A-USD")["open_time"].min() == ENDED
        assert here.totals("A-USD") == {
            "present": 1440,
            "verified-empty": 0,
            "unknown": 1440,
            "venue-down": 0,
        }
