"""A distribution in sixteen characters."""

import numpy as np

from pipelines.features.reporting.sparkline import CONSTANT, NOTHING, WIDTH, sparkline


def test_a_bell_rises_and_falls() -> None:
    drawn = sparkline(np.random.default_rng(0).normal(size=50_000))
    assert len(drawn) == WIDTH
    assert drawn[0] == drawn[-1] == "▁"
    assert "█" in drawn[WIDTH // 2 - 1 : WIDTH // 2 + 1]


def test_a_far_value_does_not_flatten_the_rest() -> None:
    values = np.append(np.random.default_rng(0).uniform(size=5_000), 1e9)
    assert min(sparkline(values)) >= "▅"


def test_flags_rare_flags_constants_and_nothing() -> None:
    assert sparkline(np.array([0.0, 1.0, np.nan])) == "█" + "▁" * (WIDTH - 2) + "█"
    assert sparkline(np.append(np.zeros(9_999), 1.0)) == "█" + "▁" * (WIDTH - 1)
    assert sparkline(np.full(9, 2.0)) == CONSTANT
    assert sparkline(np.array([np.nan])) == NOTHING
