"""How far into the future a leak reaches, by bisection over cuts, for many columns at once."""

from collections.abc import Iterable, Mapping, Sequence

from pipelines.features.causality.compare import differing
from pipelines.features.causality.modes import Mode
from pipelines.features.causality.world import World


def reaches(world: World, rows: Mapping[str, int], modes: Sequence[Mode]) -> dict[str, int]:
    """First cut of each column that leaves its row alone under every mode; N when no cut does.

    rows : the leaking row of each column. Cost: about log2 N cuts for columns that reach equally far.
    """
    found: dict[str, int] = {}
    _split(world, rows, modes, set(rows), -1, world.last_cut + 1, found)
    return found


def _split(
    world: World,
    rows: Mapping[str, int],
    modes: Sequence[Mode],
    columns: set[str],
    changes: int,
    leaves: int,
    found: dict[str, int],
) -> None:
    """Columns whose first harmless cut lies in (changes, leaves]."""
    if not columns:
        return
    if leaves - changes == 1:
        found.update(dict.fromkeys(columns, leaves))
        return
    middle = (changes + leaves) // 2
    moved = _moved(world, rows, modes, columns, middle)
    _split(world, rows, modes, moved, middle, leaves, found)
    _split(world, rows, modes, columns - moved, changes, middle, found)


def _moved(
    world: World, rows: Mapping[str, int], modes: Iterable[Mode], columns: set[str], cut: int
) -> set[str]:
    """Columns whose row changes with what comes after the cut; a row after the cut counts as changing."""
    moved = {column for column in columns if rows[column] > cut}
    for mode in modes:
        left = columns - moved
        if not left:
            break
        after = world.after(cut, mode).select(left)
        changed = differing(world.features.head(cut + 1).select(left), after, bitwise=mode.same_shape)
        moved |= {name for name, where in changed.items() if where[rows[name]]}
    return moved
