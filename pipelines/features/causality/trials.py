"""What trials have shown so far, column by column. Making them is search.py, the reach of a leak reach.py."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.features.causality.compare import differing
from pipelines.features.causality.leak import Leak
from pipelines.features.causality.modes import Mode
from pipelines.features.causality.reach import reaches
from pipelines.features.causality.world import World

Trial = tuple[int, Mode]
"""The row to cut after, and what is done to what comes later."""


@dataclass(frozen=True)
class _Seen:
    row: int
    cut: int
    mode: Mode
    after: object


class Search:
    """What has been seen so far: of each column the first row that changed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: dict[str, _Seen] = {}

    def tries(self, trials: Iterable[Trial], only: set[str] | None = None) -> None:
        """Trials in turn; with `only`, in which cuts ascend, until each of these columns has changed before the cut."""
        for cut, mode in trials:
            names = self._world.features.columns
            if only is not None:
                names = [name for name in names if name in only and not self._changed_before(name, cut)]
            if not names:
                return
            self._try(cut, mode, names)

    def _changed_before(self, name: str, cut: int) -> bool:
        return name in self._seen and self._seen[name].row < cut

    def _try(self, cut: int, mode: Mode, names: Sequence[str]) -> None:
        after = self._world.after(cut, mode).select(names)
        before = self._world.features.head(cut + 1).select(names)
        for name, where in differing(before, after, bitwise=mode.same_shape).items():
            row = int(np.argmax(where))
            if name not in self._seen or row < self._seen[name].row:
                self._seen[name] = _Seen(row, cut, mode, after.get_column(name)[row])

    def result(self, modes: Sequence[Mode], rows: Sequence[int] | NDArray[np.int64]) -> list[Leak]:
        """The leaks in the order of the columns: the first row by the mode that showed it, and the reach by all."""
        for mode in modes:  # modes took turns, so an earlier row may have met one that is blind to this leak
            shown = {name for name, seen in self._seen.items() if seen.mode == mode}
            self.tries(((int(cut), mode) for cut in np.sort(np.asarray(rows, dtype=np.int64))), only=shown)
        found = reaches(self._world, {name: seen.row for name, seen in self._seen.items()}, modes)
        return [self._leak(name, found[name]) for name in self._world.features.columns if name in found]

    def _leak(self, name: str, harmless: int) -> Leak:
        world, seen = self._world, self._seen[name]
        until = max(harmless, seen.cut + 1)
        at = world.bars.get_column(world.time)
        return Leak(
            column=name,
            row=seen.row,
            at=at[seen.row],
            distance=until - seen.row,
            span=at[until] - at[seen.row] if until < world.rows else None,
            mode=seen.mode.name,
            before=world.features.get_column(name)[seen.row],
            after=seen.after,
        )
