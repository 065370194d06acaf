"""Putting parsed files together: cutting to a span, removing repeats, judging the recorder's clock.

Pure functions of parsed rows; files are opened in files.py.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import polars as pl

from pipelines.market.rows import QUARANTINE, STANDING, Parsed
from pipelines.market.text_table import LINE
from resources.sources.source import Delivery

FILE = "#file"


def gather(
    files: Mapping[str, Parsed], time: str, start: datetime, end: datetime, key: Sequence[str] | None
) -> Delivery:
    """Rows of the files with times in [start, end), sorted by time, ties in the order of files and lines.

    Of rows that agree in `key` (in all columns when None, and then only if there are several files) an exact
    repeat is counted and dropped; one that differs is quarantined. Quarantined rows belong to the span they
    stand in.
    """
    cut = [
        parsed.rows.filter(pl.col(time).is_between(start, end, closed="left")).with_columns(
            pl.lit(name).alias(FILE)
        )
        for name, parsed in files.items()
    ]
    kept = [
        parsed.quarantine.filter(pl.col(STANDING).is_between(start, end, closed="left")).select(*QUARANTINE)
        for parsed in files.values()
    ]
    rows = pl.concat(cut).sort(time, maintain_order=True)
    if key is not None or len(files) > 1:
        rows, conflicts, repeats = unrepeated(rows, key)
    else:
        conflicts, repeats = pl.DataFrame(schema=QUARANTINE), 0
    notes = tuple(dict.fromkeys(note for parsed in files.values() for note in parsed.notes))
    if repeats:
        notes = (*notes, f"{repeats} rows that repeat another exactly were dropped")
    return Delivery(
        frame=rows.drop(FILE, LINE),
        quarantine=pl.concat([*kept, conflicts]),
        notes=notes,
        duplicates=repeats,
    )


def unrepeated(rows: pl.DataFrame, key: Sequence[str] | None) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """The first row of each key, the later rows that contradict it (QUARANTINE), the count of repeats."""
    values = [name for name in rows.columns if name not in (FILE, LINE)]
    keys = list(key or values)
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
    delay = (delivery.frame["local_time"] - delivery.frame["time"]).median()
    if isinstance(delay, timedelta) and delay >= timedelta(0):
        return delivery
    if isinstance(delay, timedelta):
        note = (
            f"recorder's clock runs {delay.total_seconds():.3f} s against the exchange (median): late "
            "arrivals "
            "are not judged"
        )
    elif delivery.frame.is_empty():
        return delivery
    else:
        note = "local times were not recorded: late arrivals are not judged"
    return Delivery(delivery.frame, delivery.quarantine, (*delivery.notes, note), False, delivery.duplicates)
