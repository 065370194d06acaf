"""Laws of the plan: pages tile what can be had, none is larger than the cap, none is older than the venue serves."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import BadSpan, VenueRefused
from pipelines.market.paging import bars_in, ceiling, closed_end, closed_part, plan, together
from pipelines.market.timeframes import GRACE, MINUTES, length_of
from pipelines.market.venues import TABLE, Conventions

NOW = datetime(2026, 11, 21, 14, 22, 7, tzinfo=UTC)
moments = st.integers(0, 3 * 365 * 24 * 3600).map(lambda s: NOW - timedelta(seconds=s))
conventions = st.builds(
    Conventions,
    venue=st.just("somewhere"),
    candles_per_request=st.integers(1, 5000),
    depth=st.none() | st.integers(1, 9000),
    timeframes=st.just(tuple(MINUTES)),
)


@given(moments, moments, st.sampled_from(["5m", "1h", "12h", "1d"]), conventions)
def test_pages_hold_each_closed_bar_once_and_nothing_else(
    one: datetime, other: datetime, timeframe: str, habits: Conventions
) -> None:
    """F7, F8, F11: Σ pages covers [since, until) exactly once."""
    length = length_of(timeframe)
    start, end = min(one, other), max(one, other) + timedelta(seconds=1)
    made = plan((start, end), timeframe, habits, NOW)
    for page, after in zip(made.pages, made.pages[1:], strict=False):
        assert page[1] == after[0]
    for begin, stop in made.pages:
        assert 1 <= bars_in((begin, stop), length) <= habits.candles_per_request
        assert begin == ceiling(begin, length)
        assert stop == ceiling(stop, length)
    expected = bars_in((ceiling(start, length), min(ceiling(end, length), closed_end(NOW, length))), length)
    had = sum(bars_in(page, length) for page in made.pages)
    refused = bars_in(made.refused, length) if made.refused else 0
    assert had + refused == expected
    if made.pages:
        assert made.pages[0][0] >= start
        assert made.pages[-1][1] + GRACE <= NOW
        if habits.depth is not None:
            newest = made.pages[-1][1]
            assert bars_in((made.pages[0][0], newest), length) < habits.depth + bars_in((newest, NOW), length)
    assert bool(made.refused) == bool(made.sentence)


@given(moments, st.integers(1, 4000), st.integers(0, 4000))
def test_a_longer_span_asks_the_same_questions(start: datetime, bars: int, more: int) -> None:
    """A resumed run finds the pages that it has already asked for: only the last may differ."""
    minute = timedelta(minutes=1)
    first = plan((start, start + bars * minute), "1m", TABLE["coinbase"], NOW).pages
    then = plan((start, start + (bars + more) * minute), "1m", TABLE["coinbase"], NOW).pages
    assert first[:-1] == then[: max(len(first) - 1, 0)]


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 40)), max_size=20), st.integers(0, 60))
def test_spans_that_are_near_become_one(made: list[tuple[int, int]], room: int) -> None:
    """Disjoint, further apart than the room, over every bar of the spans; a bar of none is near one of them."""
    bar = timedelta(minutes=1)
    spans = [(NOW + first * bar, NOW + (first + count) * bar) for first, count in made]
    joined = together(spans, room * bar)
    assert all(later[0] - one[1] > room * bar for one, later in pairwise(joined))
    bars = {k for first, count in made for k in range(first, first + count)}
    covered = {k for a, b in joined for k in range((a - NOW) // bar, (b - NOW) // bar)}
    assert bars <= covered
    longest = [b - a for a, b in pairwise(sorted(bars)) if b - a - 1 <= room]
    assert len(covered - bars) == sum(step - 1 for step in longest)


@given(moments, moments, st.sampled_from(["1m", "1h", "1d"]))
def test_the_closed_part_of_a_span_is_what_is_planned(one: datetime, other: datetime, timeframe: str) -> None:
    length = length_of(timeframe)
    span = min(one, other), max(one, other) + timedelta(seconds=1)
    pages = plan(span, timeframe, Conventions("somewhere"), NOW).pages
    start, end = closed_part(span, length, NOW)
    assert sum(bars_in(page, length) for page in pages) == bars_in((start, end), length)
    assert not pages or (pages[0][0], pages[-1][1]) == (start, end)


def test_hyperliquid_says_what_can_be_had() -> None:
    """F10: refused before the first call, with what can be had instead."""
    made = plan((NOW - timedelta(days=180), NOW), "5m", TABLE["hyperliquid"], NOW)
    assert made.sentence == (
        "hyperliquid serves the newest 5,000 candles: 17.4 days at 5m; you asked for 180 days from 2026-05-25 "
        "14:22 UTC; from 2026-11-04 05:45 UTC on can be had"
    )
    assert len(made.pages) == 1
    assert made.pages[0][0] == datetime(2026, 11, 4, 5, 45, tzinfo=UTC)
    assert made.refused == (datetime(2026, 5, 25, 14, 25, tzinfo=UTC), made.pages[0][0])


def test_kraken_offers_its_trades_instead() -> None:
    """F10: two years of 1m from a venue that keeps twelve hours."""
    made = plan((NOW - timedelta(days=730), NOW), "1m", TABLE["kraken"], NOW)
    assert made.sentence.startswith(
        "kraken serves the newest 720 candles: 12 h at 1m; you asked for 730 days"
    )
    assert "its trades can rebuild older ones (about 21,010 requests at 20 trades a minute)" in made.sentence
    old = plan((NOW - timedelta(days=730), NOW - timedelta(days=700)), "1m", TABLE["kraken"], NOW)
    assert old.pages == ()
    assert "nothing of it can be had, candles begin at 2026-11-21 02:23 UTC" in old.sentence


@pytest.mark.parametrize("timeframe", ["12h"])
def test_a_timeframe_that_is_not_offered_is_refused(timeframe: str) -> None:
    with pytest.raises(VenueRefused, match="kraken offers no 12h candles: expected one of 1m, 5m"):
        plan((NOW - timedelta(days=1), NOW), timeframe, TABLE["kraken"], NOW)


def test_an_empty_span_is_refused() -> None:
    with pytest.raises(BadSpan, match="holds nothing"):
        plan((NOW, NOW), "1m", TABLE["kraken"], NOW)


def test_a_bar_is_left_until_its_grace_is_over() -> None:
    """F11: the bar 14:21 closes at 14:22:00 and is usable from 14:22:03."""
    for second, last in ((2, 21), (3, 22)):
        made = plan(
            (NOW - timedelta(hours=1), NOW + timedelta(hours=1)),
            "1m",
            TABLE["coinbase"],
            NOW.replace(second=second),
        )
        assert made.pages[-1][1] == NOW.replace(minute=last, second=0)
