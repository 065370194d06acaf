"""What a feature is: one declared object with a unit, an encoding, a lookback, bounds and a formula.

What does not live here: the formulas (one file per group), the engine that runs them (engine.py), the ordered
sets (sets.py) and how a column enters a model (encoding.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.features.block import Block
from pipelines.features.sources import READ, Source

Array = NDArray[np.float64]
Encoding = Literal["none", "log1p", "anchored", "relative", "scaled"]
Formula = Callable[[Block], Array]

DAY_MINUTES = 24 * 60
_DIMENSIONLESS = {"ratio", "share", "flag", "[-1,1]", "σ"}


@dataclass(frozen=True)
class Minutes:
    """A lookback in minutes, whatever the timeframe."""

    count: int  # minutes including the one that ends the bar
    last_only: bool = (
        False  # True: only the bar's last minute looks back; False: every minute of the bar does
    )

    def bars(self, minutes: int) -> int:
        """Bars of `minutes` minutes, including t, that hold everything the value needs."""
        if self.last_only:
            return -(-self.count // minutes)
        return 1 + -(-(self.count - 1) // minutes)


@dataclass(frozen=True)
class ByTimeframe:
    """A lookback that a table of the definition gives for each timeframe."""

    count: Callable[[int], int] = field(repr=False)  # bars including t, of bars of so many minutes

    def bars(self, minutes: int) -> int:
        """Bars of `minutes` minutes, including t, that hold everything the value needs."""
        return self.count(minutes)


@dataclass(frozen=True)
class ByClock:
    """A lookback to the start of the bar's own day, which is longer the later the bar lies in it."""

    since: Literal["midnight", "open"]  # 00:00 UTC, or the open of the session where there are sessions
    days: int = 0  # whole days before that
    before: Callable[[int], int] = field(default=lambda _: 0, repr=False)  # bars before those days

    def bars(self, minutes: int) -> int:
        """The most that a bar of `minutes` minutes needs, including t: the last one of its day."""
        return int(self.needed(DAY_MINUTES // minutes - 1, minutes))

    def needed(self, place: Any, minutes: int) -> Any:
        """Bars, including t, that the bars at these places of their day (0: the first) need; an int or an array."""
        return place + 1 + self.days * (DAY_MINUTES // minutes) + self.before(minutes)


Lookback = int | Minutes | ByTimeframe | ByClock
Aggregation = Literal[
    "own bars",  # the formula, on the longer bars themselves
    "seconds",  # mean of its minutes weighted by the seconds in which the book is known
    "last",  # the last minute's value; of cohorts the last five minutes'
    "amount",  # mean weighted by the amount traded against a known mid
    "minutes",  # plain mean of its minutes
    "volume",  # mean weighted by volume
    "trades",  # mean weighted by trades
    "moments",  # number, mean and M2 of the trades are merged
    "sum",  # sum of its minutes
    "ends",  # from the first minute's start and the last one's end
    "ratio of sums",  # numerator and denominator are summed
]
"""How a longer bar gets its value from its minutes (FEATURES.md, Longer bars aggregate minutes)."""


@dataclass(frozen=True, eq=False)
class Feature:
    """One column of the feature table.

    `formula` maps a Block to a float64 array of the block's length. The value of a row may depend only on
    that row and the `lookback` − 1 rows before it; an exponential average may also run since the last gap.
    """

    name: str
    group: str  # file it is declared in
    unit: str  # quote, base, ratio, share, flag, class, %, bp, bp², 1/min, 1/bar, day, [-1,1], 0-100, bp/h
    encoding: Encoding
    lookback: Lookback  # bars including t, or minutes, or by timeframe, or by the time of day
    inputs: tuple[str, ...]  # columns that the formula reads of its source's table, open_time apart
    formula: Formula = field(repr=False)
    doc: str = field(repr=False)  # formula in words and its source
    bounds: tuple[float, float] = (-inf, inf)
    flag: bool = False  # 0 or 1 (or a share of the bar): never scaled
    ticks: bool = False  # needs the minute aggregates: null on candle bars
    source: Source = "bars"  # another one is optional: without it the feature is absent, never zero
    aggregation: Aggregation = "own bars"
    behind: timedelta = timedelta(0)  # how long before the bar its source's rows may open that it reads
    unchanged: bool = False  # it is its one input: shared with the bars, not copied
    shortest: int = 1  # minutes: on shorter bars the feature does not exist
    longest: int = DAY_MINUTES  # minutes: on longer bars the feature does not exist

    @property
    def column(self) -> str | None:
        """The BARS column that the feature is, or None."""
        return self.inputs[0] if self.unchanged else None

    @property
    def known(self) -> str:
        """When its inputs are known, in words; as an expression it is sources.known_at."""
        return READ[self.source].known

    def exists(self, minutes: int) -> bool:
        """Whether bars of `minutes` minutes have the feature."""
        return self.shortest <= minutes <= self.longest

    def bars(self, minutes: int) -> int:
        """Lookback in bars of a timeframe of `minutes` minutes, including t."""
        return self.lookback if isinstance(self.lookback, int) else self.lookback.bars(minutes)

    def reaches(self, minutes: int) -> int:
        """Bars of `minutes` minutes, including t, over which anything lies that the value reads, of any table."""
        return self.bars(minutes) + -(-self.behind // timedelta(minutes=minutes))

    def scale(self, values: Array, close: Array) -> Array:
        """Scale of the tolerance 1e-9·scale: C_t, 1 or max(|x|, 1e-9) by unit (FEATURES.md, Lookback)."""
        if self.unit == "quote":
            return close
        if self.unit in _DIMENSIONLESS:
            return np.ones_like(values)
        return np.maximum(np.abs(values), 1e-9)


def feature(
    *,
    unit: str,
    lookback: Lookback,
    inputs: tuple[str, ...],
    encoding: Encoding = "none",
    bounds: tuple[float, float] = (-inf, inf),
    flag: bool = False,
    ticks: bool = False,
    source: Source = "bars",
    aggregation: Aggregation = "own bars",
    behind: timedelta = timedelta(0),
    unchanged: bool = False,
    shortest: int = 1,
    longest: int = DAY_MINUTES,
    name: str | None = None,
    doc: str | None = None,
) -> Callable[[Formula], Feature]:
    """Decorator that turns a formula into a Feature named like the function, in the group of its file.

    `name` and `doc` are for families made by one function, such as the moving averages.
    """

    def declare(formula: Formula) -> Feature:
        return Feature(
            name=name or getattr(formula, "__name__"),  # noqa: B009  (Callable has no __name__ for mypy)
            group=formula.__module__.rpartition(".")[2],
            unit=unit,
            encoding=encoding,
            lookback=lookback,
            inputs=inputs,
            formula=formula,
            doc=doc or formula.__doc__ or "",
            bounds=bounds,
            flag=flag,
            ticks=ticks,
            source=source,
            aggregation=aggregation,
            behind=behind,
            unchanged=unchanged,
            shortest=shortest,
            longest=longest,
        )

    return declare
