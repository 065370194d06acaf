"""What an outage says of bars that were not asked for: only those after the newest bar ever given can lie in it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from resources.venues.waiting import NOT_ASKED, nothing_but, outage, with_waiting

START = datetime(2026, 3, 2, tzinfo=UTC)
LENGTH = timedelta(minutes=5)


@given(st.integers(0, 50), st.integers(1, 50), st.none() | st.integers(-20, 120))
def test_every_bar_gets_one_word_and_only_newer_ones_are_down(
    first: int, count: int, newest: int | None
) -> None:
    span = START + first * LENGTH, START + (first + count) * LENGTH
    given_last = None if newest is None else START + newest * LENGTH
    parts = outage(span, "why", given_last, LENGTH)
    bars = [
        ((begin - START) // LENGTH + k, kind, reason)
        for (begin, end), kind, reason in parts
        for k in range((end - begin) // LENGTH)
    ]
    assert [bar for bar, _, _ in bars] == list(range(first, first + count))
    for bar, kind, reason in bars:
        down = newest is not None and bar > newest
        assert (kind, reason) == (("venue-down", "why") if down else ("unknown", "not asked for: why"))


def test_a_venue_that_is_not_even_asked_the_time() -> None:
    """The open bar and those to come have no word; whoever waits is named though nothing is stored."""
    spans = [(START, START + 3 * LENGTH), (START + 6 * LENGTH, START + 20 * LENGTH)]
    now, stored = START + 9 * LENGTH, START + LENGTH
    found = nothing_but("down", "5m", spans, now, stored)
    said = found.evidence.select("time", "end", "kind", "reason", "seen_at").rows()
    assert said == [
        (START, START + 2 * LENGTH, "unknown", NOT_ASKED + "down", now),
        (START + 2 * LENGTH, START + 3 * LENGTH, "venue-down", "down", now),
        (START + 6 * LENGTH, START + 8 * LENGTH, "venue-down", "down", now),
    ]
    for newest in (None, stored):
        waiting = with_waiting(
            nothing_but("down", "5m", spans, now, newest), "kraken", ["BTC-USD", "ETH-USD"]
        )
        assert waiting.notes == ("down", "2 symbols are waiting for kraken: BTC-USD, ETH-USD")
