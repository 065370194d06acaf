"""One history of a symbol out of what is stored under its name and under every name that was joined to it (F25).

Whose time is whose, and how two names are joined, is aliases.py; reading what is stored is the caller's.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import polars as pl

from pipelines.market.aliases import Span, joined, midnight, own, own_span, unknown_between
from pipelines.market.schemas import EVIDENCE
from pipelines.market.venue_settings import Rename


def history(
    symbol: str, renames: Sequence[Rename], read: Callable[[str], pl.DataFrame]
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Candles of a name's own time, and before them those of every name that was joined to it; a sentence each.

    `read`: the stored CANDLES of a name, with whatever other columns.
    """
    mine = own(read(symbol), symbol, renames)[0]
    notes: tuple[str, ...] = ()
    for rename in renames:
        if rename.joined and rename.continues_as == symbol:
            older, told = history(rename.symbol, renames, read)
            whole = joined(older, mine, rename)
            mine, notes = whole.candles, (*notes, *told, *whole.notes)
    return mine, notes


def evidence_of(
    symbol: str, renames: Sequence[Rename], read: Callable[[str], pl.DataFrame], span: Span
) -> pl.DataFrame:
    """EVIDENCE of the same names, each about its own time only, and the question where one ends without a join."""
    frames = [_clipped(read(symbol), own_span(symbol, span, renames))]
    frames += [
        evidence_of(rename.symbol, renames, read, (span[0], midnight(rename.ended)))
        for rename in renames
        if rename.joined and rename.continues_as == symbol
    ]
    said = pl.concat(frames)
    last: datetime | None = said["seen_at"].max()  # type: ignore[assignment]
    return pl.concat([said, unknown_between(symbol, span, renames, last or span[0])])


def _clipped(evidence: pl.DataFrame, span: Span | None) -> pl.DataFrame:
    if span is None:
        return evidence.head(0)
    start, end = (pl.lit(moment).cast(EVIDENCE["time"]) for moment in span)
    inside = evidence.with_columns(pl.max_horizontal("time", start), pl.min_horizontal("end", end))
    return inside.filter(pl.col("time") < pl.col("end"))
