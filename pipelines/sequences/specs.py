"""The named sequence windows of FEATURES.md "Sequences", as one table. No data and no models live here."""

from dataclasses import dataclass

from pipelines.errors import UnknownName


@dataclass(frozen=True)
class SequenceSpec:
    """One kind of window: how many bars of which timeframe, and how far ahead its label looks."""

    name: str
    bars: int  # length of the window, bars
    timeframe: str
    horizon: int  # default horizon h, bars
    guide_horizon: int  # horizon of profile `guide`, bars
    purpose: str


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
TIMING_WINDOWS = ("seq300", "seq500", "seq800", "seq500h")
"""The partitions of `sequences`: the four windows that the timing models read."""


def spec(name: str) -> SequenceSpec:
    """The spec of that name; raises UnknownName for any other word."""
    try:
        return SPECS[name]
    except KeyError:
        raise UnknownName(
            f"sequence {name!r} is not known: expected one of {', '.join(SPECS)}; correct it."
        ) from None


def tabular(timeframe: str, horizon: int) -> SequenceSpec:
    """The window of one bar that tabular models read."""
    return SequenceSpec("tabular", 1, timeframe, horizon, horizon, "one bar")
