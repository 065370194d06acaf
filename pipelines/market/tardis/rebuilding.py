"""Whole `incremental_book_L2` files as order books, and the fingerprint of a replay. One step is books.py."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import numpy as np
import polars as pl

from pipelines.market.rows import QUARANTINE, STANDING, Parsed
from pipelines.market.schemas import ORDER_BOOK, UTC_US
from pipelines.market.tardis.books import BookBuilder
from pipelines.market.tardis.layouts import BOOK_UPDATES
from pipelines.market.tardis.ordering import Ordering
from pipelines.market.tardis.reader import OTHER_MARKET
from pipelines.market.tardis.spans import invalid_spans
from pipelines.market.text_table import LINE

TIMES = 2  # leading columns of ORDER_BOOK
FOREIGN = 10


@dataclass(frozen=True)
class Rebuilt:
    """The books of some days, or of a span of them, and what can be said about them."""

    book: pl.DataFrame  # ORDER_BOOK in the order of arrival; exchange times never fall
    quarantine: pl.DataFrame  # QUARANTINE plus STANDING
    invalid: pl.DataFrame  # INVALID
    updates: int  # accepted rows
    crossed: int  # states that were crossed or locked, none of which is in `book`
    notes: tuple[str, ...] = ()
    label: str = ""


def rebuild_stream(days: Iterable[Iterable[Parsed]], builder: BookBuilder) -> Iterator[pl.DataFrame]:
    """ORDER_BOOK of one file after the other, each as blocks of BOOK_UPDATES, in bounded memory."""
    for day in days:
        for part in day:
            yield builder.feed(part.rows, lost_lines(part.quarantine))
        yield builder.end_of_day()
    yield builder.finish()


def rebuild(
    days: Iterable[Iterable[Parsed]],
    *,
    every: timedelta | None = None,
    span: tuple[datetime, datetime] | None = None,
) -> Rebuilt:
    """The same put together, with its report; `span`: [start, end) of exchange time of what is kept and counted.

    What is outside the span is forgotten at once: a day of states is a third of what its neighbours' would make it.
    """
    builder, ordering = BookBuilder(every=every, counted=span), Ordering()
    aside = [pl.DataFrame(schema={**QUARANTINE, STANDING: UTC_US})]
    labels: dict[str, None] = {}
    updates = 0

    def watched(day: Iterable[Parsed]) -> Iterator[Parsed]:
        nonlocal updates
        for part in day:
            updates += builder.counted.many(part.rows["time"].to_physical().to_numpy())
            aside.append(_within(part.quarantine, STANDING, span))
            labels[part.label] = None
            yield part

    frames = [
        _within(ordering.stamped(frame), "time", span)
        for frame in rebuild_stream((watched(day) for day in days), builder)
    ]
    return Rebuilt(
        book=pl.concat(frames),
        quarantine=pl.concat(aside),
        invalid=invalid_spans(builder.invalid),
        updates=updates,
        crossed=builder.states.crossed,
        notes=notes_of(builder),
        label=next(filter(None, labels), ""),
    )


def _within(rows: pl.DataFrame, time: str, span: tuple[datetime, datetime] | None) -> pl.DataFrame:
    return rows if span is None else rows.filter(pl.col(time).is_between(*span, closed="left"))


def lost_lines(quarantine: pl.DataFrame) -> list[int]:
    """Quarantined lines without which the book is not known; rows of another market are none of it.

    One that stands alone may be a broken row of this market, so a market counts from FOREIGN rows on.
    """
    market = pl.col("text").str.extract(r"^([^,]*,[^,]*),")
    foreign = (
        pl.col("reason").str.starts_with(OTHER_MARKET) & (pl.len().over(market, "reason") >= FOREIGN)
    ).fill_null(False)
    return quarantine.filter(~foreign)["line"].to_list()


def notes_of(builder: BookBuilder) -> tuple[str, ...]:
    """Sentences for whoever reads the asset's metadata, about what is counted."""
    notes = [span.sentence for span in builder.invalid if builder.counted.touches(span)]
    if builder.states.crossed:
        notes.append(f"{builder.states.crossed} crossed or locked book states were left out")
    if builder.unknown_removals:
        notes.append(f"{builder.unknown_removals} removals named a level that was not in the book")
    return tuple(notes)


def typed_updates(updates: pl.DataFrame) -> pl.DataFrame:
    """BOOK_UPDATES and LINE from the text columns of a normalised feed (exact decimals, side bid or ask)."""
    return updates.select(
        pl.col("timestamp").cast(BOOK_UPDATES["time"]).alias("time"),
        pl.col("local_timestamp").cast(BOOK_UPDATES["local_time"]).alias("local_time"),
        "is_snapshot",
        pl.when(pl.col("side") == "bid").then(1).otherwise(-1).cast(pl.Int8).alias("side"),
        pl.col("price", "amount").cast(pl.Float64),
        pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias(LINE),
    )


def book_hash(frames: Iterable[pl.DataFrame]) -> str:
    """SHA-256 of ORDER_BOOK rows, however they are cut into frames."""
    digest = sha256()
    names = list(ORDER_BOOK)
    for frame in frames:
        times = frame.select(pl.col(names[:TIMES]).to_physical()).to_numpy().astype("<i8")
        levels = frame.select(pl.col(names[TIMES:]).fill_null(float("nan"))).to_numpy().astype("<f8")
        digest.update(np.hstack([times.view("<f8"), levels]).tobytes())
    return digest.hexdigest()
