"""Faulty answers about candles, row by row and as a whole, on all four venues: nothing false is believed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from pipelines.market.candle_answers import CONTRADICTED
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
from tests.venue.wire import Reply, Seen

BARS = 700
END = START + BARS * MINUTE
NOW = END + timedelta(seconds=10)
CANDLES_OF_DAY = day_of(BARS + 5)
WANTED = CANDLES_OF_DAY.head(BARS)


def _kinds(evidence: pl.DataFrame) -> dict[str, int]:
    bars = (pl.col("end") - pl.col("time")).dt.total_minutes().sum()
    return dict(evidence.group_by("kind").agg(bars).rows())


@pytest.mark.parametrize("venue", ["coinbase", "hyperliquid", "alpaca"])
@pytest.mark.parametrize("keep", ["newest", "oldest"])
def test_a_silent_cap_costs_requests_and_no_candle(venue: str, keep: str, tmp_path: Path) -> None:
    """F7: 100 rows where the venue's convention says 300 and more."""
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play("F7", rows=100, keep=keep)
        delivery = Fetching(server, venue, tmp_path).fetch([(START, END)])
    same_values(delivery, WANTED)
    accounted(delivery)


@pytest.mark.parametrize("venue", VENUES)
def test_an_answer_to_another_question_is_no_answer(venue: str, tmp_path: Path) -> None:
    """F8, F10: the newest 300 rows whatever is asked for."""
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play("F8", rows=300)
        delivery = Fetching(server, venue, tmp_path).fetch([(START, END)])
    newest = WANTED.join(delivery.frame, on="open_time", how="semi")
    same_values(delivery, newest)
    assert bars_of(delivery) == BARS
    assert set(delivery.evidence["kind"]) == {"unknown"}
    assert 290 <= delivery.frame.height <= 300
    accounted(delivery)


@pytest.mark.parametrize("venue", VENUES)
def test_overlaps_are_repeats_and_contradictions_are_told(venue: str, tmp_path: Path) -> None:
    """F9: rows before the start, past the end, and twice; equal ones are counted.

    Of two values in one answer neither is believed: the bar is asked for again, and is unknown while it stays so.
    """
    with Venue(data_of(WANTED), now=NOW) as server:
        fault = server.play("F9")
        fetching = Fetching(server, venue, tmp_path)
        plain = fetching.fetch([(START + MINUTE, END)])
        server.stop_faults(fault)
        server.play("F9", different=True)
        differs = fetching.fetch([(START + MINUTE, END)])
    same_values(plain, WANTED.slice(1))
    accounted(plain)
    assert bars_of(differs) == BARS - 1
    same_values(differs, WANTED.slice(1, BARS - 2))
    assert differs.evidence.select("time", "end", "kind").rows() == [(END - MINUTE, END, "unknown")]
    assert f"what {venue} gave for 2026-03-02 11:39 to 11:40 UTC was quarantined" in differs.notes
    assert differs.quarantine["reason"].unique().to_list() == [CONTRADICTED]
    accounted(differs)


def test_a_candle_revised_between_two_answers_keeps_its_first_value(tmp_path: Path) -> None:
    """F12: what a live trader had is what the first answer said."""
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play("F13", every=10**9, minutes=(START + 690 * MINUTE,))
        server.play("F12", bars=3, after=3)
        delivery = Fetching(server, "coinbase", tmp_path).fetch([(START, END)])
    same_values(delivery, WANTED.filter(pl.col("open_time") != START + 690 * MINUTE))
    assert (
        delivery.quarantine["reason"].to_list()
        == ["repeats an open_time with other values than were seen first"] * 3
    )
    assert "coinbase gave 3 candles of BTC-USD 1m twice with different values" in " ".join(delivery.notes)
    accounted(delivery)


def test_minutes_that_coinbase_leaves_out_are_verified_empty(tmp_path: Path) -> None:
    """F13: left out twice, with rows on both sides in the second answer."""
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play("F13", every=7)
        delivery = Fetching(server, "coinbase", tmp_path).fetch([(START, END)])
        assert len(server.of_kind("candles")) == 6
    assert _kinds(delivery.evidence) == {"verified-empty": 100}
    assert bars_of(delivery) == BARS
    assert "coinbase leaves out bars without a trade" in delivery.evidence["reason"][0]


@pytest.mark.parametrize("venue", ["kraken", "hyperliquid", "alpaca"])
def test_minutes_left_out_by_a_venue_that_sends_them_all_are_unknown(venue: str, tmp_path: Path) -> None:
    """F13: Kraken and the others send a bar without a trade, so a missing one is a fault; five sentences at most."""
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play("F13", every=7)
        fetching = Fetching(server, venue, tmp_path)
        delivery = fetching.fetch([(START, END)])
    assert _kinds(delivery.evidence) == {"unknown": 100}
    assert bars_of(delivery) == BARS
    assert len(delivery.notes) == 7
    assert delivery.notes[5] == f"{fetching.market} 1m: 95 more such spans, 95 bars unknown"


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(
    ("fault", "args", "reason"),
    [
        ("F27", {"how": "negative"}, "close is not a positive finite number"),
        ("F27", {"how": "zero"}, "close is not a positive finite number"),
        ("F27", {"how": "nan"}, "close is not a positive finite number"),
        ("F27", {"how": "null"}, "close is not a positive finite number"),
        ("F27", {"how": "text"}, "close is not a positive finite number"),
        ("F27", {"how": "absurd"}, "low and high do not enclose"),
        ("F27", {"how": "absurd", "field": "high"}, "a price is more than 50% from the median close"),
        ("F28", {"how": "high-low"}, "low and high do not enclose"),
        ("F28", {"how": "off-grid"}, "open_time is not a multiple"),
        ("F28", {"how": "future"}, "open_time is no time"),
        ("F29", {"every": 50}, "more than 15 significant digits"),
    ],
)
def test_a_broken_row_is_quarantined_and_its_bar_unknown(
    venue: str, fault: str, args: dict[str, object], reason: str, tmp_path: Path
) -> None:
    """F27, F28, F29: none reaches the frame, none disappears, and no bar of theirs is called quiet."""
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play(fault, **args)
        delivery = Fetching(server, venue, tmp_path).fetch([(START, END)])
    assert set(delivery.evidence["kind"]) == {"unknown"}
    assert bars_of(delivery) == BARS
    assert delivery.frame.height == BARS - 14
    served = WANTED.join(delivery.frame, on="open_time", how="semi")
    same_values(delivery, served)
    assert delivery.quarantine["reason"].str.contains(reason, literal=True).all()
    assert delivery.quarantine["text"].null_count() == 0
    accounted(delivery)


@pytest.mark.parametrize("venue", VENUES)
def test_candles_stamped_with_their_closes_are_not_believed(venue: str, tmp_path: Path) -> None:
    """F28: the convention table says open; a bar that opens in the future, or all bars one too late, is a lie."""
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play("F28", how="close-stamped")
        server.play("F11")
        delivery = Fetching(server, venue, tmp_path).fetch([(START, END)])
    assert delivery.frame.is_empty()
    assert _kinds(delivery.evidence) == {"unknown": BARS}
    assert f"{venue} stamps closes where it is known to stamp opens" in delivery.notes[0]
    accounted(delivery)


@pytest.mark.parametrize("venue", VENUES)
def test_moments_with_an_offset_are_the_same_instants(venue: str, tmp_path: Path) -> None:
    """F24: a venue that writes New York time."""
    with Venue(data_of(CANDLES_OF_DAY), now=NOW) as server:
        server.play("F24")
        delivery = Fetching(server, venue, tmp_path).fetch([(START, END)])
    same_values(delivery, WANTED)


class Mislabelled(Venue):
    """Answers for another market: a text of every body is another one."""

    swapped = (b"", b"")

    def respond(self, seen: Seen) -> Reply:
        reply = super().respond(seen)
        return replace(reply, body=reply.body.replace(*self.swapped)) if seen.kind == "candles" else reply


@pytest.mark.parametrize(
    ("venue", "swapped", "sentence"),
    [
        (
            "hyperliquid",
            (b'"s":"BTC"', b'"s":"DOGE"'),
            "hyperliquid answered candles of DOGE 1m: expected those of BTC 1m",
        ),
        (
            "hyperliquid",
            (b'"i":"1m"', b'"i":"5m"'),
            "hyperliquid answered candles of BTC 5m: expected those of BTC 1m",
        ),
        (
            "kraken",
            (b'"XXBTZUSD"', b'"XDGUSD"'),
            "kraken answered candles of XDGUSD: expected those of XXBTZUSD or XBTUSD",
        ),
    ],
)
def test_candles_of_another_market_are_none_of_ours(
    venue: str, swapped: tuple[bytes, bytes], sentence: str, tmp_path: Path
) -> None:
    """An answer that says itself that it is about something else; Coinbase's says nothing, Alpaca's names its list."""
    with Mislabelled(data_of(CANDLES_OF_DAY), now=NOW) as server:
        fetching = Fetching(server, venue, tmp_path)
        server.swapped = swapped
        delivery = fetching.fetch([(START, END)])
        assert delivery.frame.is_empty()
        assert _kinds(delivery.evidence) == {"unknown": BARS}
        assert sentence in delivery.evidence["reason"][0]
        server.swapped = (b"", b"")
        same_values(fetching.fetch([(START, END)]), WANTED)
