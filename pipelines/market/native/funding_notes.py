"""What a series of funding payments says about itself: changes of its period, missing and late payments."""

from datetime import timedelta

import polars as pl

from pipelines.market.schemas import UTC_US

LATE = timedelta(seconds=1)
"""Venues stamp a payment up to a second after its hour; more is worth saying."""
NAMED = 5
"""Missing payments that a sentence names; the rest are counted."""


def funding_notes(funding: pl.DataFrame) -> tuple[str, ...]:
    """Sentences about FUNDING rows of one symbol, for the metadata of who keeps them."""
    rows = funding.sort("time")
    before = pl.col("period_hours").shift(1)
    changes = rows.with_columns(before.alias("before")).filter(pl.col("period_hours") != before)
    said = [
        f"the funding period changes from {old:g} h to {new:g} h with the payment of {time:%Y-%m-%d %H:%M} UTC"
        for time, old, new in changes.select("time", "before", "period_hours").iter_rows()
    ]
    missing = missing_payments(rows)
    if missing.len():
        listed = ", ".join(f"{time:%Y-%m-%d %H:%M}" for time in missing.head(NAMED))
        more = f" and {missing.len() - NAMED} more" if missing.len() > NAMED else ""
        said.append(f"{missing.len()} payments are missing: {listed}{more} UTC")
    after = rows["time"] - rows["time"].dt.truncate("1h")
    late = after.filter(after > LATE)
    if late.len():
        longest = int(late.dt.total_seconds().sort()[-1])
        said.append(
            f"{late.len()} payments are stamped more than a second after their hour, up to {longest} s"
        )
    return tuple(said)


def missing_payments(funding: pl.DataFrame) -> pl.Series:
    """Hours at which a payment was due by the period that follows it and none is recorded, ascending.

    Stamps are up to a second after their hour, so they are rounded down for this comparison only.
    """
    rows = funding.sort("time").select(
        pl.col("time").dt.truncate("1h").alias("hour"),
        pl.col("period_hours").cast(pl.Int64).alias("hours"),
    )
    due = [
        after - step * timedelta(hours=hours)
        for before, after, hours in rows.select(
            pl.col("hour").shift(1), pl.col("hour").alias("after"), "hours"
        ).iter_rows()
        if before is not None and hours
        for step in range((after - before) // timedelta(hours=hours) - 1, 0, -1)
    ]
    return pl.Series("time", due, dtype=UTC_US)
