"""Candles of the four venues through the real ccxt classes: whole, exact, once, closed, and every hole known."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.errors import RateLimited, VenueRefused
from pipelines.market.schemas import CANDLES, EVIDENCE, FIRST_SEEN
from pipelines.market.symbols import Market
from resources.venues.pages import Spool
from tests.resources.venues.fetching import (
    MINUTE,
    START,
    VENUES,
    Fetching,
    accounted,
    bars_of,
    data_of,
    day_of,
    same_values,
)
from tests.venue import Venue

BARS = 700
END = START + BARS * MINUTE
NOW = END + timedelta(seconds=10)
CANDLES_OF_DAY = day_of(BARS + 5)
WANTED = CANDLES_OF_DAY.head(BARS)


def _kinds(evidence: pl.DataFrame) -> dict[str, int]:
    bars = (pl.col("end") - pl.col("time")).dt.total_minutes().sum()
    return dict(evidence.group_by("kind").agg(bars).rows())


@pytest.mark.parametrize("venue", VENUES)
def test_a_span_arrives_whole_exact_and_once(venue: str, tmp_path: Path) -> None:
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        fetching = Fetching(server, venue, tmp_path)
        delivery = fetching.fetch([(START, END)])
        pages = len(server.of_kind("candles"))
    same_values(delivery, WANTED)
    assert delivery.frame.schema == pl.Schema(FIRST_SEEN)
    assert delivery.evidence.schema == pl.Schema(EVIDENCE)
    assert delivery.evidence.is_empty()
    assert set(delivery.frame["market"]) == {str(fetching.market)}
    assert set(delivery.frame["origin"]) == {"candle"}
    assert delivery.frame["seen_at"].null_count() == 0
    assert pages == (3 if venue == "coinbase" else 1)
    accounted(delivery)


@pytest.mark.parametrize("venue", VENUES)
def test_values_survive_to_the_last_digit(venue: str, tmp_path: Path) -> None:
    """F29: what is text on the wire is judged as text, not as a float that lost digits."""
    texts = pl.DataFrame(
        {
            "open_time": [START, START + MINUTE, START + 2 * MINUTE],
            "open": ["0.1", "64625.4", "0.00001234"],
            "high": ["0.30000000000000", "64625.41", "0.00001234"],
            "low": ["0.1", "64625.39", "0.00001234"],
            "close": ["0.123456789012345", "64625.4", "0.00001234"],
            "volume": ["123456789.012345", "1e-8", "0.1"],
        }
    )
    with Venue(data_of(texts), now=START + 4 * MINUTE) as server:
        delivery = Fetching(server, venue, tmp_path).fetch([(START, START + 3 * MINUTE)])
    assert delivery.frame["close"].to_list() == [0.123456789012345, 64625.4, 0.00001234]
    assert delivery.frame["volume"].to_list() == [123456789.012345, 1e-8, 0.1]


@pytest.mark.parametrize("venue", VENUES)
def test_the_open_candle_is_left_for_later(venue: str, tmp_path: Path) -> None:
    """F11: by the venue's clock, its grace included."""
    with Venue(data_of(CANDLES_OF_DAY), now=END + timedelta(seconds=2)) as server:
        server.play("F11")
        delivery = Fetching(server, venue, tmp_path).fetch([(START, END + MINUTE)])
    same_values(delivery, CANDLES_OF_DAY.head(BARS - 1))
    assert delivery.evidence.is_empty()
    assert delivery.quarantine.is_empty()


def test_hyperliquid_and_kraken_say_what_is_too_old(tmp_path: Path) -> None:
    """F10: the part that is served is fetched, the rest is unknown with the sentence as its reason."""
    candles = day_of(2000)
    with Venue(data_of(candles), now=START + 2000 * MINUTE + timedelta(seconds=10)) as server:
        fetching = Fetching(server, "kraken", tmp_path)
        delivery = fetching.fetch([(START, START + 2000 * MINUTE)])
        assert len(server.of_kind("candles")) == 1
    assert delivery.frame.height == 719
    assert bars_of(delivery) == 2000
    assert delivery.evidence["reason"].to_list() == [delivery.notes[0]]
    assert delivery.notes[0].startswith(
        "kraken serves the newest 720 candles: 12 h at 1m; you asked for 33.3 h"
    )
    assert any(delivery.notes[0] in line for line in fetching.told)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("how", ["html", "empty", "object", "renamed", "rows"])
def test_an_answer_that_is_none_is_asked_again(venue: str, how: str, tmp_path: Path) -> None:
    """F6: five faulty answers, whatever ccxt makes of them, and not one bar is lost or made up."""
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play("F6", how=how, kind="candles", times=1 if how in ("object", "renamed", "rows") else 5)
        delivery = Fetching(server, venue, tmp_path).fetch([(START, END)])
    same_values(delivery, WANTED)
    assert delivery.evidence.is_empty()
    accounted(delivery)


@pytest.mark.parametrize("venue", VENUES)
def test_nothing_twice_is_unknown_and_never_a_quiet_market(venue: str, tmp_path: Path) -> None:
    """F6: `[]` for ever."""
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play("F6", how="rows", kind="candles", times=None)
        delivery = Fetching(server, venue, tmp_path).fetch([(START, END)])
    assert delivery.frame.is_empty()
    assert _kinds(delivery.evidence) == {"unknown": BARS}
    assert f"{venue} answered nothing for 2026-03-02 00:00 to " in delivery.notes[0]
    assert "not treated as a quiet market" in delivery.notes[0]


def test_web_pages_for_ever_stop_the_asking(tmp_path: Path) -> None:
    """F6: after three answers that were none the rest is not asked for, and is unknown with the reason."""
    with Venue(data_of(day_of(3000)), now=START + 3001 * MINUTE) as server:
        server.play("F6", how="object", kind="candles", times=None)
        delivery = Fetching(server, "coinbase", tmp_path).fetch([(START, START + 3000 * MINUTE)])
        assert len(server.of_kind("candles")) == 3
    assert _kinds(delivery.evidence) == {"unknown": 3000}
    assert (
        "coinbase answered something that is not its form of candles of BTC-USD: found {}"
        in delivery.notes[0]
    )


@pytest.mark.parametrize(
    ("stored", "kinds"),
    [
        (None, {"unknown": BARS - 240}),
        (END, {"unknown": BARS - 240}),
        (START - MINUTE, {"venue-down": BARS - 240}),
        (START + 399 * MINUTE, {"unknown": 160, "venue-down": BARS - 400}),
    ],
)
def test_maintenance_keeps_what_came_and_makes_nothing_up(
    stored: datetime | None, kinds: dict[str, int], tmp_path: Path
) -> None:
    """F4: the first page is kept; of the rest only what follows the newest bar ever given can lie in the outage."""
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play("F4", kind="candles", times=None, after=1)
        spool = Spool(tmp_path / "pages", Market("coinbase", "BTC-USD"), "1m")
        fetching = Fetching(server, "coinbase", tmp_path)
        delivery = fetching.fetch([(START, END)], spool=spool, newest=stored)
        assert _kinds(delivery.evidence) == kinds
        asked = delivery.evidence.filter(pl.col("kind") == "unknown")["reason"]
        assert asked.str.starts_with("not asked for: coinbase in maintenance since 20").all()
        same_values(delivery, WANTED.head(240))
        assert "coinbase in maintenance since 20" in delivery.notes[0]
        assert "0.2 of 0.5 days, 1 of 3 pages" in delivery.notes[0]
        server.stop_faults()
        server.clear()
        fetching.clock.slept += 3600
        again = fetching.fetch([(START, END)], spool=spool)
        assert len(server.of_kind("candles")) == 2
    same_values(again, WANTED)


def test_maintenance_before_anything_came(tmp_path: Path) -> None:
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play("F4", times=None)
        delivery = Fetching(server, "kraken", tmp_path).fetch([(START, END)])
    assert delivery.frame.is_empty()
    assert _kinds(delivery.evidence) == {"unknown": BARS}
    assert "not asked for: kraken in maintenance since 20" in delivery.evidence["reason"][0]


def test_a_ban_ends_the_fetch_and_keeps_its_pages(tmp_path: Path) -> None:
    """F3, F30: refused once, and what came before is not asked for again."""
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play("F3", kind="candles", times=1, after=1)
        spool = Spool(tmp_path / "pages", Market("coinbase", "BTC-USD"), "1m")
        fetching = Fetching(server, "coinbase", tmp_path)
        with pytest.raises(VenueRefused, match="451"):
            fetching.fetch([(START, END)], spool=spool)
        assert len(server.of_kind("candles")) == 2
        same_values(fetching.fetch([(START, END)], spool=spool), WANTED)
        assert len(server.of_kind("candles")) == 4


def test_progress_is_told_in_days_and_pages(tmp_path: Path) -> None:
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        fetching = Fetching(server, "coinbase", tmp_path)
        fetching.fetch([(START, END)])
    shares = [line for line in fetching.told if "pages" in line]
    assert shares == [
        "0.00 BTC-USD 1m: 0.0 of 0.5 days, 0 of 3 pages",
        "0.34 BTC-USD 1m: 0.2 of 0.5 days, 1 of 3 pages",
        "0.77 BTC-USD 1m: 0.4 of 0.5 days, 2 of 3 pages",
        "1.00 BTC-USD 1m: 0.5 of 0.5 days, 3 of 3 pages",
    ]


def test_two_spans_are_one_delivery(tmp_path: Path) -> None:
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        delivery = Fetching(server, "alpaca", tmp_path).fetch(
            [(START, START + 10 * MINUTE), (START + 100 * MINUTE, START + 120 * MINUTE)]
        )
    same_values(delivery, pl.concat([WANTED.slice(0, 10), WANTED.slice(100, 20)]))
    assert list(delivery.frame.columns[:6]) == list(CANDLES)


def test_rate_limits_that_last_too_long_end_the_fetch(tmp_path: Path) -> None:
    """F1: the sentence quotes how far it was."""
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play("F1", kind="candles", times=None, after=1, retry_after=7200)
        with pytest.raises(RateLimited, match=r"0\.2 of 0\.5 days, 1 of 3 pages"):
            Fetching(server, "coinbase", tmp_path).fetch([(START, END)])
