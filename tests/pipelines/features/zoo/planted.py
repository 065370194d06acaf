"""What a planted leak is: a column, what it is computed from, and what the detector has to say of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import ModuleType

import polars as pl

from pipelines.features.causality import Leak, Table, leaks
from tests.pipelines.features.zoo.markets import minutes

MINUTE = timedelta(minutes=1)
Formula = Callable[..., pl.Expr | pl.Series]


@dataclass(frozen=True)
class Planted:
    """One column that reads the future (or, among the honest, does not)."""

    name: str
    story: str
    formula: Formula = field(
        repr=False
    )  # (bars, **tables) → the column, as an expression over bars or a series
    row: int = -1  # the first row that reads the future; −1: none does
    distance: int = 0  # how many rows ahead it reads
    bars: Callable[[], pl.DataFrame] = field(default=minutes, repr=False)
    tables: Mapping[str, Callable[[], Table]] = field(default_factory=dict, repr=False)
    usable_after: timedelta = MINUTE

    def compute(self, bars: pl.DataFrame, **tables: pl.DataFrame) -> pl.DataFrame:
        """The feature frame of one column."""
        return bars.select("open_time", self.formula(bars, **tables).alias(self.name))

    def made_tables(self) -> dict[str, Table]:
        """The tables beside the bars."""
        return {name: make() for name, make in self.tables.items()}

    def found(self, **how: object) -> list[Leak]:
        """What the detector says."""
        return leaks(
            self.compute,
            self.bars(),
            tables=self.made_tables(),
            usable_after=self.usable_after,
            **how,  # type: ignore[arg-type]
        )


def planted(
    row: int = -1,
    distance: int = 0,
    *,
    bars: Callable[[], pl.DataFrame] = minutes,
    usable_after: timedelta = MINUTE,
    **tables: Callable[[], Table],
) -> Callable[[Formula], Planted]:
    """Decorator: the function is the column, its docstring the story."""

    def plant(formula: Formula) -> Planted:
        name, story = formula.__name__, formula.__doc__ or ""  # type: ignore[attr-defined]
        return Planted(name, " ".join(story.split()), formula, row, distance, bars, tables, usable_after)

    return plant


def found_in(family: ModuleType) -> list[Planted]:
    """The leaks of a file, in its order."""
    return [thing for thing in vars(family).values() if isinstance(thing, Planted)]
