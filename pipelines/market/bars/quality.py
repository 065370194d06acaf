"""What is wrong with a bar table, counted. No repair and no judgement beyond `sound`."""

from dataclasses import asdict, dataclass
from datetime import timedelta

import numpy as np
import polars as pl

from pipelines.market.timeframes import length_of

PRICES = ("open", "high", "low", "close")
FAULTS = ("duplicates", "unsorted", "off_grid", "ohlc_violations", "not_finite", "false_empty")


@dataclass(frozen=True)
class Quality:
    """Counts over one BARS table; a gap is not an error, since unknown minutes are no rows."""

    rows: int
    gaps: int  # breaks between one bar and the next
    missing: int  # bars that would fill them
    longest_gap: int  # bars
    duplicates: int  # rows whose open_time was there before
    unsorted: int  # rows earlier than the row before them
    off_grid: int  # open times that are not a multiple of the timeframe
    ohlc_violations: int  # high below or low above another price, a price <= 0, or volume < 0
    not_finite: int  # rows with a null, NaN or infinite price or volume
    false_empty: int  # verified-empty rows that are not flat or have volume
    verified_empty_share: float  # of rows, 0..1

    @property
    def faults(self) -> dict[str, int]:
        """Rows of each kind of fault that is there at all."""
        return {name: count for name, count in asdict(self).items() if name in FAULTS and count}

    @property
    def sound(self) -> bool:
        """True when nothing downstream can be misled: the blocking check."""
        return not self.faults

    def as_dict(self) -> dict[str, int | float | bool]:
        """All counts and `sound`, ready for metadata."""
        return {**asdict(self), "sound": self.sound}


def quality(bars: pl.DataFrame, timeframe: str) -> Quality:
    """Count the faults of BARS of a timeframe; raises UnknownName for an unknown timeframe."""
    length = length_of(timeframe)
    length_us = length // timedelta(microseconds=1)
    time = bars["open_time"]
    distance = np.diff(np.unique(time.to_physical().to_numpy()))
    missing = distance[distance > length_us] // length_us - 1
    empty = bars["origin"] == "verified-empty"
    return Quality(
        rows=len(bars),
        gaps=len(missing),
        missing=int(missing.sum()),
        longest_gap=int(missing.max(initial=0)),
        duplicates=len(time) - time.n_unique(),
        unsorted=int((time.diff().drop_nulls().dt.total_microseconds() < 0).sum()),
        off_grid=int((time.dt.truncate(length) != time).sum()),
        ohlc_violations=_count(bars, _violation()),
        not_finite=_count(bars, _not_finite()),
        false_empty=_count(bars, _false_empty()),
        verified_empty_share=float(empty.sum() / len(bars)) if len(bars) else 0.0,
    )


def _count(bars: pl.DataFrame, fault: pl.Expr) -> int:
    return int(bars.select(fault.fill_null(value=False).sum()).item())


def _violation() -> pl.Expr:
    above = pl.col("high") < pl.max_horizontal("open", "low", "close")
    below = pl.col("low") > pl.min_horizontal("open", "high", "close")
    return above | below | (pl.min_horizontal(*PRICES) <= 0) | (pl.col("volume") < 0)


def _not_finite() -> pl.Expr:
    return pl.any_horizontal(~pl.col(name).is_finite().fill_null(value=False) for name in (*PRICES, "volume"))


def _false_empty() -> pl.Expr:
    flat = (pl.col("high") == pl.col("low")) & (pl.col("open") == pl.col("close"))
    return (pl.col("origin") == "verified-empty") & ~(flat & (pl.col("volume") == 0))
