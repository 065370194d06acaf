"""Candles in two times: when a bar opened, and when its value was first received. No fetching and no storage.

Of each bar the value with the smallest `seen_at` is kept as first seen: it is what a live trader had. Every other
value is a revision beside it, never instead of it. That holds for origins too: a candle that the venue delivers
after its minute was repaired from trades or from a second venue is a revision of what was repaired. Training reads
the first-seen values, and so does the trader, whose store is made by the same function: both see the same bars.

Local files have no `seen_at`: the file is the record, so an arriving file replaces all that was kept.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from pipelines.errors import BadData, BadSettings
from pipelines.market.schemas import CANDLES, FIRST_SEEN, REVISIONS

VALUES = [name for name in CANDLES if name != "open_time"]
BAR = ["open_time", *VALUES]
RANKS = ("candle", "ticks", "second-venue", "verified-empty")
"""Of values received in the same microsecond the venue's own candle is taken to be the first."""
EARLIEST_FIRST = ["open_time", "seen_at", "#rank", "market", *VALUES]


@dataclass(frozen=True)
class Merged:
    """What is kept after an arrival."""

    first_seen: pl.DataFrame  # FIRST_SEEN, one row a bar, by open_time
    revisions: pl.DataFrame  # REVISIONS, one row a bar and later value, by open_time and seen_at
    added: int  # bars that were not stored
    revised: int  # revisions that were not stored


def merge(stored: pl.DataFrame, revisions: pl.DataFrame, arrived: pl.DataFrame) -> Merged:
    """What is kept of FIRST_SEEN `stored`, its REVISIONS and FIRST_SEEN `arrived`, in whatever order they come.

    A value equal to a kept one changes nothing, unless it was received earlier: then it takes its place. Merging the
    same rows again changes nothing. Rows that arrive without `seen_at` are a file and replace everything; a value
    merged into a stored file was received later than it. Raises BadData when only some rows have a `seen_at`, and
    for a file that holds a bar twice.
    """
    rows = _as(arrived, FIRST_SEEN)
    nulls = rows["seen_at"].null_count()
    if 0 < nulls < rows.height:
        raise BadData(
            f"arrived candles must all have the moment they were received or none of them, found {nulls} of "
            f"{rows.height} without; merge what came from a venue and what came from a file separately."
        )
    if nulls:
        return _replaced(stored, rows)
    everything = pl.concat([_as(stored, FIRST_SEEN), _as(_unsaid(revisions), FIRST_SEEN), rows]).with_columns(
        pl.col("origin").replace_strict(RANKS, range(len(RANKS)), default=len(RANKS)).alias("#rank")
    )
    values = everything.sort(EARLIEST_FIRST, nulls_last=False).unique(BAR, keep="first", maintain_order=True)
    first = values.unique("open_time", keep="first", maintain_order=True)
    later = values.join(first.select(BAR), on=BAR, how="anti")
    kept = _as(later, REVISIONS).sort("open_time", "seen_at", *VALUES)
    return Merged(
        _as(first, FIRST_SEEN),
        kept,
        added=first.join(stored, on="open_time", how="anti").height,
        revised=kept.join(_as(revisions, REVISIONS), on=BAR, how="anti").height,
    )


def as_of(first_seen: pl.DataFrame, revisions: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """REVISIONS-shaped rows of the values known at a moment: of each bar the newest received by then.

    Values of files (no `seen_at`) were always known. A value that a venue gave, changed and gave again counts from
    its first time only.
    """
    known = pl.concat([_as(first_seen, REVISIONS), _as(revisions, REVISIONS)])
    by_then = known.filter(pl.col("seen_at").is_null() | (pl.col("seen_at") <= moment))
    newest = by_then.sort("open_time", "seen_at", *VALUES, nulls_last=False, maintain_order=True)
    return newest.unique("open_time", keep="last", maintain_order=True)


def _replaced(stored: pl.DataFrame, file: pl.DataFrame) -> Merged:
    if file["open_time"].n_unique() < file.height:
        raise BadData(
            f"arrived candles of a file must hold each bar once, found {file.height} rows of "
            f"{file['open_time'].n_unique()} bars; drop or quarantine the others first."
        )
    added = file.join(stored, on="open_time", how="anti").height
    return Merged(file.sort("open_time"), pl.DataFrame(schema=REVISIONS), added, 0)


def _unsaid(revisions: pl.DataFrame) -> pl.DataFrame:
    """Revisions have lost their origin and market; they never need it again, since nothing makes them the first."""
    return revisions.with_columns(origin=pl.lit(None, pl.String), market=pl.lit(None, pl.String))


def _as(frame: pl.DataFrame, schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    return frame.select(list(schema)).cast(pl.Schema(schema))


def require_one_market(stored: pl.DataFrame, market: str, what: str) -> None:
    """Raise BadSettings when FIRST_SEEN rows of the venue itself are of another market than `market`.

    Prices of two venues in one history make returns that nobody could have had.
    """
    own = stored.filter(pl.col("origin").is_in(["candle", "ticks"]))
    others = [str(name) for name in own["market"].drop_nulls().unique().sort() if name != market]
    if others:
        raise BadSettings(
            f"stored candles of {what} are of {', '.join(others)} and the settings now name {market}: expected one "
            "market in one history; give the new market a symbol of its own, set paths.root to a new folder, or name "
            "the old market again."
        )


def not_before(kept: pl.DataFrame, arrived: pl.DataFrame, by: str | None = "open_time") -> pl.DataFrame:
    """`arrived` with no `seen_at` before what is kept (F23): what comes now was received later, whatever a clock says.

    A wall clock that was set back would otherwise make a revision the value that was seen first. Rows are compared
    with the kept ones of the same `by`, or (None) with all of them.
    """
    if kept.is_empty() or arrived.is_empty():
        return arrived
    tick = pl.duration(microseconds=1)
    if by is None:
        rows = arrived.with_columns(pl.lit(kept["seen_at"].max(), kept.schema["seen_at"]).alias("#kept"))
    else:
        newest = kept.group_by(by).agg(pl.col("seen_at").max().alias("#kept"))
        rows = arrived.join(newest, on=by, how="left", maintain_order="left")
    late = pl.col("seen_at") < pl.col("#kept")
    return rows.with_columns(
        pl.when(late).then(pl.col("#kept") + tick).otherwise(pl.col("seen_at")).alias("seen_at")
    ).drop("#kept")
