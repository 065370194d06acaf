"""joins: what a row sees of another clock is what had been known by then, by an oracle that looks at every bar."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import BadData
from pipelines.features import joins
from pipelines.features.joins import context, last_known
from pipelines.market.schemas import UTC_US
from pipelines.market.timeframes import GRACE

START = datetime(2024, 7, 19, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def table(opens: list[datetime], value: float = 0.0) -> pl.DataFrame:
    return pl.DataFrame(
        {"open_time": pl.Series(opens, dtype=UTC_US), "close": [value + k for k in range(len(opens))]},
        schema={"open_time": UTC_US, "close": pl.Float64},
    )


MINUTES = st.sets(st.integers(0, 400), min_size=1).map(
    lambda s: table([START + k * MINUTE for k in sorted(s)])
)
HOURS = st.sets(st.integers(-2, 8)).map(lambda s: table([START + k * HOUR for k in sorted(s)], 100.0))


@given(MINUTES, HOURS)
def test_a_minute_sees_the_hour_that_closed_last_and_no_other(
    minutes: pl.DataFrame, hours: pl.DataFrame
) -> None:
    found = context(minutes, "1m", hours, "1h", "hour_")
    assert found.select(minutes.columns).equals(minutes)
    for row in found.iter_rows(named=True):
        close = row["open_time"] + MINUTE
        newest = (
            START + ((close - START) // HOUR - 1) * HOUR
        )  # the hour that ended last before or at this close
        known = dict(hours.iter_rows())
        assert row["hour_close"] == known.get(newest)
        assert row["hour_open_time"] == (newest if newest in known else None)


@given(MINUTES, HOURS, st.integers(0, 400))
def test_no_future_hour_changes_a_row(minutes: pl.DataFrame, hours: pl.DataFrame, cut: int) -> None:
    at = START + cut * MINUTE
    later = pl.col("open_time") + HOUR > at
    changed = hours.with_columns(close=pl.when(later).then(-1.0).otherwise("close"))
    past = minutes.filter(pl.col("open_time") + MINUTE <= at)
    assert context(past, "1m", hours, "1h", "h_").equals(context(past, "1m", changed, "1h", "h_"))


def test_the_hour_of_a_minute_is_not_known_before_its_last_minute_has_closed() -> None:
    """02:58 sees the hour from 01:00; 02:59 closes with the hour from 02:00 and sees it."""
    minutes = table([START + timedelta(hours=2, minutes=m) for m in (58, 59)])
    hours = table([START + k * HOUR for k in range(4)])
    assert context(minutes, "1m", hours, "1h", "h_")["h_close"].to_list() == [1.0, 2.0]


def test_a_row_known_in_the_same_moment_counts_and_one_that_is_too_old_does_not() -> None:
    known = table([START, START + HOUR])
    moments = pl.Series([START - MINUTE, START, START + HOUR + GRACE, START + 3 * HOUR], dtype=UTC_US)
    found = last_known(moments, known, pl.col("open_time"), HOUR)
    assert found["close"].to_list() == [None, 0.0, 1.0, None]


def test_what_cannot_be_joined_is_refused_in_words() -> None:
    some = table([START, START + MINUTE])
    with pytest.raises(BadData, match="must be of longer ones, found 1m"):
        context(some, "1m", some, "1m", "x_")
    with pytest.raises(BadData, match="must be ascending"):
        last_known(some["open_time"].reverse(), some, pl.col("open_time"), HOUR)


def test_no_other_file_of_the_features_joins_by_nearest_time() -> None:
    """One helper knows when things are known; a second one would be where the next leak begins."""
    package = Path(joins.__file__).parent
    joining = {path.name for path in package.rglob("*.py") if "join_asof" in path.read_text()}
    assert joining == {"joins.py"}
