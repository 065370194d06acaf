"""Whether a recorder's clock can judge lateness. Dropping late events is minute_bars' business."""

import polars as pl

CLOCK_SECONDS = 2.0
"""Most that local time may be after exchange time in the median; the default of `quality.clock_seconds`."""


def trusts_local_time(*frames: pl.DataFrame, most: float = CLOCK_SECONDS) -> bool:
    """False when local time is before exchange time, or more than `most` seconds after it, in a frame's median.

    frames : TRADES or ORDER_BOOK; rows without a local time say nothing. An event cannot be received before it
    happened, and is not always received seconds after it: such a clock is off, and lateness measured by it means
    nothing.
    """
    return all(0.0 <= median_delay(frame) <= most for frame in frames)


def median_delay(frame: pl.DataFrame) -> float:
    """Median of local minus exchange time, seconds; 0 where no local time was recorded."""
    delay = (frame["local_time"] - frame["time"]).dt.total_microseconds().drop_nulls()
    return 0.0 if delay.is_empty() else float(delay.median()) / 1e6  # type: ignore[arg-type]
