"""Putting parsed files together: cutting to a span, removing repeats, judging the recorder's clock.

Pure functions of parsed rows; files are opened in files.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import polars as pl

from pipelines.market.recorder_clock import median_delay, trusts_local_time
from pipelines.market.rows import QUARANTINE, STANDING, Parsed
from pipelines.market.text_table import LINE
from resources.sources.source import Delivery

FILE = "#file"


def gather(
    files: Mapping[str, Parsed], time: str, start: datetime, end: datetime, key: Sequence[str] | None
) -> Delivery:
    """Rows of the files with times in [start, end), sorted by time, ties in the order of files and lines.

    Of rows that agree in `key` an exact repeat is counted and dropped; one that differs is quarantined. Without a key
    equal rows of one file are events of their own: there are as many as the file that has most of them holds.
    Quarantined rows belong to the span they stand in.
    """
    cut = [
        _within(parsed.rows, time, start, end).with_columns(pl.lit(name).alias(FILE))
        for name, parsed in files.items()
    ]
    kept = [
        parsed.quarantine.filter(pl.col(STANDING).is_between(start, end, closed="left")).select(*QUARANTINE)
        for parsed in files.values()
    ]
    rows = pl.concat(cut)
    rows = rows if rows[time].is_sorted() else rows.sort(time, maintain_order=True)
    if key is not None:
        rows, conflicts, repeats = unrepeated(rows, key)
    else:
        (rows, repeats), conflicts = without_copies(rows, time), pl.DataFrame(schema=QUARANTINE)
    notes = tuple(dict.fromkeys(note for parsed in files.values() for note in parsed.notes))
    if repeats:
        notes = (*notes, f"{repeats} rows that repeat another exactly were dropped")
    return Delivery(
        frame=rows.drop(FILE, LINE),
        quarantine=pl.concat([*kept, conflicts]),
        notes=notes,
        duplicates=repeats,
    )


def without_copies(rows: pl.DataFrame, time: str) -> tuple[pl.DataFrame, int]:
    """Rows without those that another file brings too, and how many these were; equal rows of one file stay.

    Equal rows are numbered within their file: the second of one file is the second of another. Only rows whose time
    stands in several files are compared, which is little where files of neighbouring days overlap.
    """
    times = [part[time].unique() for part in rows.select(time, FILE).partition_by(FILE)]
    shared = pl.concat(times) if times else rows[time]
    shared = shared.filter(shared.is_duplicated())
    if len(times) < 2 or shared.is_empty():
        return rows, 0
    values = [name for name in rows.columns if name not in (FILE, LINE)]
    suspects = rows.with_row_index("#place").filter(pl.col(time).is_in(shared.implode()))
    numbered = suspects.with_columns(pl.int_range(pl.len()).over([*values, FILE]).alias("#copy"))
    later = numbered.filter(~pl.struct([*values, "#copy"]).is_first_distinct())
    return rows.filter(~pl.int_range(pl.len()).is_in(later["#place"].implode())), later.height


def _within(rows: pl.DataFrame, time: str, start: datetime, end: datetime) -> pl.DataFrame:
    """The rows with times in [start, end); no copy where that is all of them, since a day of books is large."""
    inside = rows[time].is_between(start, end, closed="left")
    return rows if inside.all() else rows.filter(inside)


def unrepeated(rows: pl.DataFrame, key: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """The first row of each key, the later rows that contradict it (QUARANTINE), the count of repeats."""
    values = [name for name in rows.columns if name not in (FILE, LINE)]
    keys = list(key)
    repeated = rows.select(pl.struct(keys).is_duplicated()).to_series()
    if not repeated.any():
        return rows, pl.DataFrame(schema=QUARANTINE), 0
    place = pl.int_range(pl.len())
    suspects = rows.with_columns(place.alias("#place")).filter(repeated)
    suspects = suspects.with_columns(
        pl.struct(keys).is_first_distinct().alias("#first"),
        pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).first().over(keys)) for name in values).alias(
            "#same"
        ),
        pl.col(LINE).first().over(keys).alias("#line_of_first"),
    )
    later = suspects.filter(~pl.col("#first"))
    conflicts = later.filter(~pl.col("#same"))
    kept = rows.filter(~place.is_in(later["#place"].implode()))
    return kept, _as_quarantine(conflicts, values, keys), later.height - conflicts.height


def _as_quarantine(rows: pl.DataFrame, values: Sequence[str], keys: Sequence[str]) -> pl.DataFrame:
    return rows.select(
        pl.col(FILE).alias("file"),
        pl.col(LINE).alias("line"),
        pl.format(f"repeats the {', '.join(keys)} of line {{}} with other values", "#line_of_first").alias(
            "reason"
        ),
        pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in values], separator=",").alias(
            "text"
        ),
    )


def judged_clock(delivery: Delivery) -> Delivery:
    """The delivery, with `check_local_time` off and a note when the recorder's clock is no judge."""
    frame = delivery.frame
    if frame.is_empty():
        return delivery
    note = "local times were not recorded: late arrivals are not judged"
    if frame["local_time"].null_count() < frame.height:
        if trusts_local_time(frame):
            return delivery
        runs = f"recorder's clock runs {median_delay(frame):.3f} s against the exchange (median)"
        note = f"{runs}: late arrivals are not judged"
    return replace(delivery, notes=(*delivery.notes, note), check_local_time=False)
