"""What a function is given: bars, other tables with the times at which their rows became known, and other futures.

A cut lies after a row: everything that became known later than that row was usable belongs to the future, in
every table. What is done to it is modes.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from zlib import crc32

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData
from pipelines.features.causality.modes import Mode, perturbed

Compute = Callable[..., pl.DataFrame]
"""compute(bars, **tables) → features of the same rows."""


@dataclass(frozen=True)
class Table:
    """A table beside the bars, and the column or expression that says when each of its rows became known."""

    frame: pl.DataFrame
    known_at: str | pl.Expr


class World:
    """One function with its inputs; runs it on the inputs as they are and with other futures."""

    def __init__(
        self,
        compute: Compute,
        bars: pl.DataFrame,
        tables: Mapping[str, Table],
        time: str,
        usable_after: timedelta | None,
        seed: int,
    ) -> None:
        self.bars = bars
        self.time = time
        self.tables = dict(tables)
        self.seed = seed
        self._compute = compute
        self.times = _microseconds(bars, time, "bars")
        if (np.diff(self.times) < 0).any():
            raise BadData(
                f"the bars must be sorted by {time!r}, found a row earlier than the one before; sort them."
            )
        if tables and usable_after is None:
            raise BadData(
                f"tables {', '.join(tables)} are cut by when a bar is usable: expected usable_after, found none; give "
                f"the time from a bar's {time!r} until it can be acted on, such as its length."
            )
        self.usable = self.times + (usable_after or timedelta(0)) // timedelta(microseconds=1)
        self.known = {n: _microseconds(table.frame, table.known_at, n) for n, table in tables.items()}
        frames = {name: table.frame for name, table in tables.items()}
        self.features = self.run(bars, frames, "the bars as they are")
        if not self.features.columns:
            raise BadData(
                f"the function gives nothing but {time!r}: expected a feature at least; return what it computes."
            )
        again = self.run(bars, frames, "the bars as they are")
        if not self.features.equals(again):
            raise BadData(
                "the function gives other values for the same bars: expected the same twice, found different ones; "
                "seed whatever is random in it."
            )

    @property
    def rows(self) -> int:
        """Number of bars."""
        return self.bars.height

    @property
    def tied(self) -> bool:
        """Whether rows share a time, as trades do, and several symbols: then none of them is another's future."""
        return bool((np.diff(self.times) == 0).any())

    def cuttable(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each of the rows the last one of its time, if something comes after it, sorted; nothing else is a cut."""
        later = np.append(np.diff(self.times) > 0, self.tables != {})[: self.rows]
        ends = np.flatnonzero(later)
        at = np.unique(np.searchsorted(ends, rows))
        return ends[at[at < ends.size]]

    @property
    def last_cut(self) -> int:
        """The last row that anything comes after: tables may hold what became known after the last bar."""
        return self.rows - 1 if self.tables else self.rows - 2

    def after(self, cut: int, mode: Mode) -> pl.DataFrame:
        """Features of rows 0 … cut when everything known later has gone through the mode."""
        rng = self.random(cut, mode)
        bars, _ = perturbed(self.bars, np.arange(self.rows) > cut, mode, rng)
        tables = {
            name: perturbed(table.frame, self.known[name] > self.usable[cut], mode, rng)[0]
            for name, table in self.tables.items()
        }
        what = f"the bars with the future {mode.name} after row {cut}"
        found = self.run(bars, tables, what)
        if found.columns != self.features.columns:
            raise BadData(
                f"the function gives other columns for {what}: expected {', '.join(self.features.columns)}, found "
                f"{', '.join(found.columns)}; give the same ones whatever the values are."
            )
        return found.head(cut + 1)

    def random(self, number: int, mode: Mode) -> np.random.Generator:
        """The same numbers for the same seed, cut and mode."""
        return np.random.default_rng([self.seed, number, crc32(mode.name.encode())])

    def run(self, bars: pl.DataFrame, tables: Mapping[str, pl.DataFrame], what: str) -> pl.DataFrame:
        """The features of these inputs without the rows' own time, which names a row and is no feature."""
        return run(self._compute, bars, tables, what).drop(self.time, strict=False)


def run(compute: Compute, bars: pl.DataFrame, tables: Mapping[str, pl.DataFrame], what: str) -> pl.DataFrame:
    """The function's features of these inputs; `what` names them where it refuses.

    Raises BadData when the function fails or gives anything but one row a bar.
    """
    try:
        # a copy costs nothing, and a function that adds columns to what it is given would keep the first answer
        found = compute(bars.clone(), **{name: table.clone() for name, table in tables.items()})
    except Exception as error:
        raise BadData(
            f"the function refuses {what}: expected features, found {type(error).__name__}: {error}; let it compute "
            "them, or leave that mode out with modes=…"
        ) from error
    rows = found.height if isinstance(found, pl.DataFrame) else f"a {type(found).__name__}"
    if rows != bars.height:
        raise BadData(
            f"features need one row a bar: expected {bars.height} rows of {what}, found {rows}; keep the bars' rows."
        )
    return found


def _microseconds(frame: pl.DataFrame, what: str | pl.Expr, name: str) -> NDArray[np.int64]:
    """Times as microseconds since 1970, (N,); raises BadData for anything that is no complete column of times."""
    moment = pl.col(what) if isinstance(what, str) else what
    if missing := [column for column in moment.meta.root_names() if column not in frame.columns]:
        option = "time=…" if name == "bars" else "its Table's known_at"
        raise BadData(
            f"{name} has no column {missing[0]!r}: expected the time of each row, found "
            f"{', '.join(frame.columns) or 'no column'}; name the column of the time in {option}."
        )
    column = frame.select(moment).to_series()
    if not isinstance(column.dtype, pl.Datetime) or column.null_count():
        raise BadData(
            f"{name} needs a time in every row: expected datetimes, found {column.dtype} with {column.null_count()} "
            f"nulls in {column.name!r}; give each row the time at which it became known."
        )
    return column.dt.epoch("us").to_numpy()
