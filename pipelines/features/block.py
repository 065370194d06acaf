"""What a formula sees: a stretch of rows of the inputs.

Formulas are functions of a Block, in numpy or compiled (compiled.py). Blocks overlap by the longest window, so a value
depends on its own window and not on where a block begins; nothing here knows about gaps, the engine hides rows whose
window crosses one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from threading import RLock
from typing import Any, Protocol, TypeVar, overload

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData, MissingData

Array = NDArray[np.float64]
T = TypeVar("T")


class Inputs:
    """The columns of one BARS frame as float64 arrays (null = NaN), and what runs through whole columns."""

    def __init__(
        self,
        bars: pl.DataFrame,
        length: timedelta,
        run: NDArray[np.int64],
        unbroken: NDArray[np.int64],
        tables: Mapping[str, pl.DataFrame | None],
    ) -> None:
        self.bars = bars
        self.length = length
        self.run = run  # (N,) number of each row's run of bars without an unknown gap, from 0
        self.unbroken = (
            unbroken  # the same without any gap, so that a night of a market that closes ends it too
        )
        self.tables = (
            tables  # what stands beside the bars (funding, flow, breadth, hours, sessions); None: not given
        )
        self.open_time = (
            bars.get_column("open_time").to_physical().to_numpy()
        )  # (N,) microseconds since 1970 UTC
        self._columns: dict[object, Array] = {}
        self._lock = RLock()  # blocks run in threads: each column is made once

    def column(self, name: str) -> Array:
        """One column, (N,), NaN where null."""
        with self._lock:
            if name not in self._columns:
                self._columns[name] = _fixed(self.stored(name))
            return self._columns[name]

    def part(self, name: str, start: int, stop: int) -> Array:
        """Rows [start, stop) of a column, NaN where null: no other row is looked at."""
        return _fixed(self.stored(name).slice(start, stop - start))

    def stored(self, name: str) -> pl.Series:
        """One column as the bars have it; raises MissingData without it."""
        if name not in self.bars.columns:
            raise MissingData(
                f"the bars have no column {name!r}: expected the BARS schema, found "
                f"{len(self.bars.columns)} columns; build them with pipelines.market.bars."
            )
        return self.bars.get_column(name)

    def table(self, name: str, group: str, columns: Sequence[str]) -> pl.DataFrame:
        """The table that a group needs; raises MissingData without it or a column: an absent source is never a zero.

        BadData for an open time that is there twice: joined, it would move every later row.
        """
        found = self.tables.get(name)
        if found is None:
            raise MissingData(
                f"{group} features need a {name} table: expected columns {', '.join(columns)}, found none; "
                f"pass {name}=… or leave the group out."
            )
        if missing := [column for column in columns if column not in found.columns]:
            raise MissingData(
                f"{group} features need a {name} table with columns {', '.join(columns)}, found no "
                f"{missing[0]!r}; make the table again."
            )
        if "open_time" in columns and found["open_time"].is_duplicated().any():
            twice = found.filter(pl.col("open_time").is_duplicated())["open_time"][0]
            raise BadData(
                f"the {name} table must hold each open_time once, found {twice} more often; leave one row of it."
            )
        return found

    def whole(self, formula: Callable[["Inputs"], Array]) -> Array:
        """A value that runs through whole columns (an exponential average), computed once."""
        with self._lock:
            if formula not in self._columns:
                self._columns[formula] = formula(self)
            return self._columns[formula]


class Whole:
    """A formula over whole columns: needed where memory has no end but a gap."""

    def __init__(self, formula: Callable[[Inputs], Array]) -> None:
        self.formula = formula
        self.__doc__ = formula.__doc__


class HasFormula(Protocol):
    """A declared feature, as far as a block needs to know."""

    @property
    def formula(self) -> Callable[["Block"], Array]:
        """The feature's formula."""


class Block:
    """Rows [start − history, stop) of the inputs.

    `x.close` is a column of BARS; `x(thing)` is a feature, a shared intermediate or a Whole, computed once
    per block. Before the first row of the data the first row is repeated: the engine never shows those
    values.
    """

    def __init__(self, inputs: Inputs, start: int, stop: int, history: int) -> None:
        self._inputs = inputs
        self._span = (start - history, stop)
        self._memo: dict[object, Any] = {}
        self.asked: list[object] = []  # every call so far, in order

    @property
    def minutes(self) -> int:
        """Length of a bar in minutes."""
        return self._inputs.length // timedelta(minutes=1)

    @property
    def open_time(self) -> NDArray[np.int64]:
        """Open times, microseconds since 1970 UTC."""
        return self._rows(self._inputs.open_time)

    def __getattr__(self, name: str) -> Array:
        if name.startswith("_"):
            raise AttributeError(name)
        start, stop = self._span
        values = _repeating_first(self._inputs.part(name, max(start, 0), stop), max(-start, 0))
        setattr(self, name, values)
        return values

    @overload
    def __call__(self, thing: HasFormula | Whole) -> Array: ...

    @overload
    def __call__(self, thing: Callable[["Block"], T]) -> T: ...

    def __call__(self, thing: HasFormula | Whole | Callable[["Block"], T]) -> Any:
        """The values of a feature, a Whole or a shared function of the block."""
        self.asked.append(thing)
        if thing not in self._memo:
            self._memo[thing] = self._compute(thing)
        return self._memo[thing]

    def forget(self, things: Iterable[object]) -> None:
        """Give back the memory of values that nobody asks for again; asked for, they are computed again."""
        for thing in things:
            self._memo.pop(thing, None)

    def _compute(self, thing: HasFormula | Whole | Callable[["Block"], T]) -> Any:
        if isinstance(thing, Whole):
            return self._rows(self._inputs.whole(thing.formula))
        if hasattr(thing, "formula"):  # isinstance of a Protocol costs as much as a formula
            return thing.formula(self)
        return thing(self)

    def _rows(self, values: NDArray[Any]) -> NDArray[Any]:
        start, stop = self._span
        return _repeating_first(values[max(start, 0) : stop], max(-start, 0))


def _fixed(column: pl.Series) -> Array:
    """A column as floats that nobody can write: kernels are compiled for one kind of inputs, not for two."""
    values = column.cast(pl.Float64).rechunk().to_numpy()
    values.flags.writeable = False
    return values


def _repeating_first(values: NDArray[Any], times: int) -> NDArray[Any]:
    if not times:
        return values
    longer = np.concatenate([np.repeat(values[:1], times), values])
    longer.flags.writeable = values.flags.writeable
    return longer
