"""The search for leaks: cuts over the whole series, every row in pieces, then how far each leak reaches.

Why nothing slips through where every row is looked at (thorough, or at most `looks` rows): a leak at row t depends on
some later row. If one of these lies within HORIZON rows, the piece of row t changes it; if all lie further, the next
evenly spaced cut after t, at most HORIZON rows away, changes them all. What is left is a change that the mode drawn for
it cannot show, which is what `thorough` is for, and a leak that a moved piece does not have (quilt.py), which memory=0
is for.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.errors import BadData
from pipelines.features.causality.copies import uncleared_in_copies
from pipelines.features.causality.cuts import becoming_known, drawn, edges, spread
from pipelines.features.causality.leak import Leak
from pipelines.features.causality.modes import MODES, Mode
from pipelines.features.causality.quilt import HORIZON, Part, uncleared
from pipelines.features.causality.trials import Search, Trial
from pipelines.features.causality.world import Compute, Table, World

_AT_KNOWN = 40
"""Rows of a table before which is cut: all of an hourly one over 2,000 minutes, a draw of denser ones."""


def leaks(
    compute: Compute,
    bars: pl.DataFrame,
    *,
    tables: Mapping[str, Table] | None = None,
    usable_after: timedelta | None = None,
    time: str = "open_time",
    cuts: Sequence[int] | None = None,
    modes: Sequence[Mode] = MODES,
    memory: int = 320,
    looks: int = 2_000,
    thorough: bool = False,
    seed: int = 0,
) -> list[Leak]:
    """Columns of compute(bars, **tables) whose past changes with the future; empty when none is found.

    compute : function from bars (and tables, by name) to a frame of as many rows. Nothing else is known of it.
    bars : any columns, sorted by `time`; rows need not be bars, trades do as well.
    tables : other inputs, each with the time at which its rows became known; then usable_after is needed.
    usable_after : time from a row's `time` until it can be acted on; a bar's length (and what is waited after it).
    cuts : rows to cut after, instead of the chosen ones; then only these are tried.
    memory : rows up to a row that its value may need. Too few cost time: a value that needs more is another one in a
        piece, and is then looked at in the series. 0: no pieces, one call a row; for a function that looks at dates
        or row numbers, whose leak a piece, moved by weeks, may not have.
    looks : rows that are looked at one by one, at least 1: every row that has a future if these are at most so many,
        otherwise a random one out of each of so many equal stretches of them.
    thorough : every mode at every row that has a future, whatever `looks`; otherwise each row looked at gets one of
        them, drawn by the seed.
    Raises BadData when the function refuses what it is given, returns other rows or columns, or is not deterministic,
    for a memory below 0 or looks below 1, and when there is nothing to look at.

    Rows that share a time (trades, symbols one above the other) are no future of each other. Nothing is said of a
    column that is null throughout, nor of a table that the function holds itself instead of taking it as an argument.

    Cost in calls, for N rows looked at (thorough: all) of a function that forgets across a gap: about N/64 + 60 on the
    series (times 8 when thorough), and one or two (thorough: 8 to 16) times N·(memory + 64) rows in pieces. Columns
    that cannot be cleared in pieces, and functions of several tables or of rows that share a time, cost one call a row
    (thorough: 8), each table up to 80 more.
    """
    if memory < 0:
        raise BadData(
            f"memory is a number of rows: expected 0 (no pieces) or more, found {memory}; give the rows up to a row "
            "that its value needs."
        )
    world = World(compute, bars, tables or {}, time, usable_after, seed)
    _refuse_no_search(modes, looks)
    if cuts is None:
        columns = tuple(world.features.columns)
        parts = [] if world.tables or world.tied or not memory else [Part(columns, compute, memory)]
        return searched(world, parts, modes, looks, thorough=thorough)
    inside = [cut for cut in cuts if 0 <= cut <= world.last_cut]
    if not inside:
        raise BadData(
            f"no cut of {list(cuts)[:5]} has a future: expected some in 0 … {world.last_cut}; correct them."
        )
    search = Search(world)
    search.tries((cut, mode) for cut in inside for mode in modes)
    return search.result(modes, inside)


def searched(
    world: World,
    parts: Sequence[Part],
    modes: Sequence[Mode],
    looks: int,
    *,
    thorough: bool,
    in_copies: bool = False,
) -> list[Leak]:
    """Leaks of a world; the columns of the parts are looked at in pieces, all others one call a row. See `leaks`.

    in_copies : every mode at each cut where a row of a table becomes known, by copies.py; for functions that may be
        given the series several times in a row.
    """
    _refuse_no_search(modes, looks)
    search = Search(world)
    news = _news(world)
    chosen = _chosen(world, looks, thorough=thorough)
    if not (in_copies or thorough):  # both of which try every mode there
        chosen = np.union1d(chosen, news)
    search.tries(_trials(world, chosen, modes, thorough=thorough))
    rows = np.union1d(_looked_at(world, looks, thorough=thorough), chosen)
    if in_copies and not thorough:
        unclear = uncleared_in_copies(world, news, modes)
        search.tries(((int(cut), mode) for cut in news for mode in modes), only=unclear)
    alone = set(world.features.columns).difference(*(part.columns for part in parts))
    unclear = {name for part in parts for name in uncleared(world, part, rows, modes, thorough=thorough)}
    search.tries(_trials(world, rows, modes, thorough=thorough), only=alone | unclear)
    return search.result(modes, np.union1d(rows, news))


def _refuse_no_search(modes: Sequence[Mode], looks: int) -> None:
    """An empty answer to an empty search would read as a pass."""
    if not modes:
        raise BadData(
            "leaks are shown by what modes do to the future, found no mode; leave modes out or name some."
        )
    if looks < 1:
        raise BadData(
            f"looks is how many rows are looked at one by one: expected 1 or more, found {looks}; leave looks out or "
            "give more."
        )


def _chosen(world: World, looks: int, *, thorough: bool) -> NDArray[np.int64]:
    """Edges and cuts at most HORIZON rows apart, of the latter at most looks/32 unless thorough."""
    even = np.arange(min(HORIZON, world.rows) - 1, world.rows, HORIZON)
    if not thorough:
        even = spread(even, max(1, looks // 32))
    return world.cuttable(np.concatenate([edges(world.bars, world.times, world.features), even]))


def _news(world: World) -> NDArray[np.int64]:
    """Cuts before and where rows of a table become known: of 40 of each table, see becoming_known."""
    rng = np.random.default_rng([world.seed, _AT_KNOWN])
    rows = [becoming_known(world.usable, known, _AT_KNOWN, rng) for known in world.known.values()]
    return world.cuttable(np.concatenate([np.empty(0, dtype=np.int64), *rows]))


def _looked_at(world: World, looks: int, *, thorough: bool) -> NDArray[np.int64]:
    """Rows that have a future: all if thorough or at most `looks`, else a random one of each of so many stretches."""
    cuts = world.cuttable(np.arange(world.rows))
    return cuts if thorough else drawn(cuts, looks, np.random.default_rng(world.seed))


def _trials(
    world: World, cuts: NDArray[np.int64], modes: Sequence[Mode], *, thorough: bool
) -> Iterable[Trial]:
    """Every mode at every cut, or each mode at an equal, random share: in turn they would miss leaks of a period."""
    if thorough:
        return ((int(cut), mode) for cut in cuts for mode in modes)
    turns = np.random.default_rng(world.seed).permutation(np.arange(cuts.size) % len(modes))
    return ((int(cut), modes[turn]) for cut, turn in zip(cuts, turns, strict=True))
