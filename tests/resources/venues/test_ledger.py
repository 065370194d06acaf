"""Every bar asked for is present or has a kind and a reason; the two add up, whatever is said in whatever order."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from resources.venues.ledger import Ledger, micros

START = datetime(2026, 3, 2, tzinfo=UTC)
LENGTH = timedelta(minutes=5)


def _span(first: int, count: int) -> tuple[datetime, datetime]:
    return START + first * LENGTH, START + (first + count) * LENGTH


def test_what_was_learned_later_says_when() -> None:
    later = START + timedelta(hours=1)
    ledger = Ledger([_span(0, 3)], LENGTH)
    ledger.mark(_span(1, 1), "unknown", "a")
    ledger.mark(_span(2, 1), "unknown", "a", later)
    said = ledger.evidence(np.empty(0, np.int64), START)
    assert said.select("time", "end", "seen_at").rows() == [
        (*_span(0, 1), START),
        (*_span(1, 1), START),
        (*_span(2, 1), later),
    ]


spans = st.tuples(st.integers(0, 60), st.integers(1, 30))
words = st.tuples(
    spans, st.sampled_from(["verified-empty", "unknown", "venue-down"]), st.sampled_from(["a", "b"])
)


@given(st.lists(spans, min_size=1, max_size=4), st.lists(words, max_size=6), st.sets(st.integers(0, 95)))
def test_present_and_evidence_add_up(
    asked: list[tuple[int, int]], said: list[tuple[tuple[int, int], str, str]], present: set[int]
) -> None:
    ledger = Ledger([_span(*span) for span in asked], LENGTH)
    bars = {k for first, count in asked for k in range(first, first + count)}
    expected = dict.fromkeys(bars, ("unknown", "no candle of it was given"))
    for span, kind, reason in said:
        ledger.mark(_span(*span), kind, reason)
        expected.update({k: (kind, reason) for k in range(span[0], sum(span)) if k in bars})
    times = np.array(sorted(micros(START + k * LENGTH) for k in present), dtype=np.int64)
    found: dict[int, tuple[str, str]] = {}
    for start, end, kind, reason, seen_at in ledger.evidence(times, START).iter_rows():
        assert seen_at == START
        for k in range((start - START) // LENGTH, (end - START) // LENGTH):
            assert k not in found
            found[k] = (kind, reason)
    assert found == {k: word for k, word in expected.items() if k not in present}
    spans = [((start - START) // LENGTH, (end - START) // LENGTH) for start, end in ledger.missing(times)]
    doubtful = {k for start, end in spans for k in range(start, end)}
    assert doubtful == {k for k, (kind, _) in found.items() if kind != "verified-empty"}
    assert set(ledger.of(times).tolist()) == {micros(START + k * LENGTH) for k in present & bars}
