"""Horizon profiles: one word decides the horizon of every window, and any other word is refused by name."""

from dataclasses import replace

import pytest

from pipelines.errors import UnknownName
from pipelines.models.recipes import horizon_of
from pipelines.sequences.specs import SPECS, TIMING_WINDOWS, spec


@pytest.mark.parametrize("name", SPECS)
def test_a_profile_changes_the_horizon_and_nothing_else(name: str) -> None:
    default, guide = spec(name), spec(name, "guide")
    assert (default.profile, guide.profile) == ("default", "guide")
    assert guide.horizon == default.guide_horizon
    assert replace(guide, horizon=default.horizon, profile="default") == default == spec(name, "default")


def test_the_recipe_has_the_horizons_of_the_profile() -> None:
    assert {w: horizon_of("timing", w, "guide") for w in TIMING_WINDOWS} == {
        "seq300": 60,
        "seq500": 1440,
        "seq800": 4320,
        "seq500h": 120,
    }
    assert {w: horizon_of("timing", w) for w in TIMING_WINDOWS} == {
        w: SPECS[w].horizon for w in TIMING_WINDOWS
    }
    assert horizon_of("boosted_trees", "1m", "guide") == 60


def test_an_unknown_profile_names_both() -> None:
    with pytest.raises(UnknownName, match="'guides' is not known: expected one of default, guide"):
        spec("seq300", "guides")
    with pytest.raises(UnknownName, match="'guides' is not known"):
        horizon_of("timing", "seq300", "guides")
