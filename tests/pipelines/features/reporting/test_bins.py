"""Bins: every value in exactly one, about a tenth of the reference in each, a frequent value alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.features.reporting.bins import BINS, codes, counts, cuts

numbers = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=300).map(np.array)


@given(numbers, numbers)
def test_every_value_is_in_exactly_one_bin_between_its_ends(
    reference: np.ndarray, values: np.ndarray
) -> None:
    ends = cuts(reference)
    assert (np.diff(ends) > 0).all()
    assert counts(values, ends).sum() == values.size
    low, high = np.append(-np.inf, ends), np.append(ends, np.inf)
    found = codes(values, ends)
    assert ((low[found] < values) & (values <= high[found])).all()


@given(numbers)
def test_a_bin_of_the_reference_is_less_than_two_tenths_or_one_value(reference: np.ndarray) -> None:
    found = codes(reference, cuts(reference))
    for number in np.unique(found):
        inside = reference[found == number]
        assert len(set(inside)) == 1 or inside.size <= 2 * reference.size / BINS + 1


def test_a_thousand_different_values_are_ten_bins_of_a_hundred() -> None:
    values = np.random.default_rng(0).permutation(1000).astype(float)
    assert counts(values, cuts(values)).tolist() == [100] * BINS


def test_a_rare_flag_is_counted_value_by_value() -> None:
    """3 % ones: every decile is 0, and a bin up to 0 and one above it would do; 3 % zeros likewise from below."""
    for rare, often in ((1.0, 0.0), (0.0, 1.0)):
        flags = np.where(np.arange(1000) < 30, rare, often)
        assert sorted(counts(flags, cuts(flags)).tolist())[-2:] == [30, 970]
