"""The named sequence windows of FEATURES.md "Sequences", as one table. No data and no models live here."""

from dataclasses import dataclass, replace

from pipelines.errors import UnknownName


@dataclass(frozen=True)
class SequenceSpec:
    """One kind of window: how many bars of which timeframe, and how far ahead its label looks."""

    name: str
    bars: int  # length of the window, bars
    timeframe: str
    horizon: int  # h of `profile`, bars: what labels, purge, counts, bundle and backtest use
    guide_horizon: int  # h of profile `guide`, bars
    purpose: str
    profile: str = "default"  # whose horizon `horizon` is


SPECS: dict[str, SequenceSpec] = {
    spec.name: spec
    for spec in (
        SequenceSpec("seq300", 300, "1m", 60, 60, "ultra-short"),
        SequenceSpec("seq500", 500, "1m", 120, 1440, "short"),
        SequenceSpec("seq800", 800, "1m", 240, 4320, "minute detail"),
        SequenceSpec("seq500h", 500, "1h", 24, 120, "medium-term trend"),
        SequenceSpec("lstm60", 60, "1m", 15, 15, "the per-coin LSTM"),
        SequenceSpec("transformer100", 100, "1m", 15, 15, "the multi-coin transformer"),
    )
}
PROFILES = ("default", "guide")
"""Whose horizons: ours, which leave enough independent labels in short histories, or the earlier guide's."""
TIMING_WINDOWS = ("seq300", "seq500", "seq800", "seq500h")
"""The partitions of `sequences`: the four windows that the timing models read."""


def spec(name: str, profile: str = "default") -> SequenceSpec:
    """The spec of that name with the horizon of a profile; raises UnknownName for any other word."""
    if name not in SPECS:
        raise UnknownName(f"sequence {name!r} is not known: expected one of {', '.join(SPECS)}; correct it.")
    if profile not in PROFILES:
        raise UnknownName(
            f"horizon profile {profile!r} is not known: expected one of {', '.join(PROFILES)}; correct it."
        )
    found = SPECS[name]
    return found if profile == "default" else replace(found, horizon=found.guide_horizon, profile=profile)


def tabular(timeframe: str, horizon: int) -> SequenceSpec:
    """The window of one bar that tabular models read."""
    return SequenceSpec("tabular", 1, timeframe, horizon, horizon, "one bar")
