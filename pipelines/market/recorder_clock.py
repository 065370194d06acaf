"""Whether a recorder's clock can judge lateness. Dropping late events is minute_bars' business."""

import polars as pl


def trusts_local_time(*frames: pl.DataFrame) -> bool:
    """False when local time runs before exchange time in the median of any of the frames.

    frames : TRADES or ORDER_BOOK; rows without a local time say nothing. An event cannot be received before it
    happened, so a negative median is a clock that runs behind, and lateness measured by it means nothing.
    """
    return not any(_median_delay_us(frame) < 0 for frame in frames)


def _median_delay_us(frame: pl.DataFrame) -> float:
    delay = (frame["local_time"] - frame["time"]).dt.total_microseconds().drop_nulls()
    return 0.0 if delay.is_empty() else float(delay.median())  # type: ignore[arg-type]
