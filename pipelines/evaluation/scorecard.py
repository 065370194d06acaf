"""The scorecard: one frozen, JSON-able record of what a candidate showed. It is made in `evaluate`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any

from pipelines.errors import BadData, UnknownName
from pipelines.evaluation.inference import Estimate

FORMAT = 1  # raised when a field changes its meaning


@dataclass(frozen=True)
class Figure:
    """One figure with one-sided bounds and what doing nothing would show; None where unknown."""

    name: str  # stable key, e.g. "log_skill"
    title: str  # for people
    unit: str  # "share", "nats", "ratio", "days", "count"
    value: float | None
    lower: float | None = None  # one-sided lower bound at `level`
    upper: float | None = None  # one-sided upper bound at `level`
    level: float | None = None  # e.g. 0.99
    baseline: float | None = None  # the same figure of `baseline_name`
    baseline_name: str = ""

    @property
    def blank(self) -> "Figure":
        """The same figure without any number: what is shown when there is too little evidence."""
        return Figure(self.name, self.title, self.unit, None, baseline_name=self.baseline_name)


@dataclass(frozen=True)
class ReliabilityBin:
    """One point of the reliability diagram."""

    class_name: str  # DOWN, NEUTRAL or UP
    forecast: float  # mean forecast probability of the bin
    observed: float  # share of the bin's rows in which the class happened
    weight: float  # share of all rows in the bin


@dataclass(frozen=True)
class EquityDay:
    """One day of the growth curves, both starting from 1."""

    day: str  # UTC date, ISO 8601
    net: float  # account after all costs ÷ capital
    buy_and_hold: float | None  # equal parts of every symbol, without costs


@dataclass(frozen=True)
class Subject:
    """What is being judged."""

    recipe: str  # name of the recipe
    partition: str  # partition key, e.g. "BTC-USD|1m"
    bundle: str  # sha256 of the candidate's bundle
    timeframe: str  # length of a bar
    horizon: int  # bars
    trials: int = (
        1  # candidates tried of which this is the best, on these same forecasts: each one is luck's chance
    )


@dataclass(frozen=True)
class Scorecard:
    """All that gates, promotion and report know of a candidate. Times ISO 8601 UTC, half-open."""

    subject: Subject
    start: str  # open time of the first judged bar
    end: str  # close time of the last judged bar
    symbols: tuple[str, ...]
    rows: int  # matured forecasts: symbols × times
    n: int  # distinct decision times
    n_eff: float  # independent labels they are worth
    minimum_effective: float  # independent labels below which no figure is shown
    class_shares: tuple[float, float, float]  # DOWN, NEUTRAL, UP among the outcomes
    figures: tuple[Figure, ...]
    reliability: tuple[ReliabilityBin, ...]
    equity: tuple[EquityDay, ...]

    @property
    def enough(self) -> bool:
        """Whether there are enough independent labels to show a figure at all."""
        return self.n_eff >= self.minimum_effective

    @property
    def evidence(self) -> str:
        """In words: enough evidence, or how much is missing."""
        word = "enough evidence" if self.enough else "not enough evidence"
        return f"{word}: n_eff {int(self.n_eff)} of {self.minimum_effective:g}"

    def figure(self, name: str) -> Figure:
        """The figure of that name; raises UnknownName."""
        for figure in self.figures:
            if figure.name == name:
                return figure
        known = ", ".join(figure.name for figure in self.figures)
        raise UnknownName(f"figure {name!r} is not on the scorecard: expected one of {known}; correct it.")

    def as_dict(self) -> dict[str, Any]:
        """Plain lists, dicts, strings and numbers: what the report takes."""
        plain: dict[str, Any] = json.loads(self.to_json())
        return plain

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, shortest float that reads back unchanged, no NaN or infinity."""
        return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, allow_nan=False)

    @property
    def sha256(self) -> str:
        """Hash of the canonical JSON: the name of this evidence."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def figure(
    name: str,
    title: str,
    unit: str,
    estimate: float | Estimate,
    baseline: float | None = None,
    baseline_name: str = "",
) -> Figure:
    """A Figure from a number or an Estimate; numbers that are not finite become None."""
    if isinstance(estimate, Estimate):
        bounds = (finite(estimate.lower), finite(estimate.upper), estimate.level)
        return Figure(name, title, unit, finite(estimate.value), *bounds, finite(baseline), baseline_name)
    return Figure(name, title, unit, finite(estimate), baseline=finite(baseline), baseline_name=baseline_name)


def finite(number: float | None) -> float | None:
    """The number as float, or None when it is none or not finite."""
    return float(number) if number is not None and isfinite(number) else None


def from_json(text: str) -> Scorecard:
    """The scorecard that `to_json` wrote, equal to it; raises BadData for anything else."""
    try:
        plain = json.loads(text)
        if plain.pop("format") != FORMAT:
            raise ValueError("another format number")
        return _scorecard(plain)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadData(
            f"not a scorecard of format {FORMAT} ({error!r}): evaluate the candidate again."
        ) from error


def _scorecard(plain: Mapping[str, Any]) -> Scorecard:
    if set(plain) != {field.name for field in fields(Scorecard)}:
        raise KeyError(f"fields {sorted(plain)}")
    down, neutral, up = plain["class_shares"]
    rebuilt = {
        "subject": Subject(**plain["subject"]),
        "symbols": tuple(plain["symbols"]),
        "class_shares": (down, neutral, up),
        "figures": tuple(Figure(**one) for one in plain["figures"]),
        "reliability": tuple(ReliabilityBin(**one) for one in plain["reliability"]),
        "equity": tuple(EquityDay(**one) for one in plain["equity"]),
    }
    return Scorecard(**{**plain, **rebuilt})
