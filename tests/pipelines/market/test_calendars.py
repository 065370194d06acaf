"""Calendars: a full day of XNYS has 78 five-minute bars, a half day 42, and no bar stands outside a session."""

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import BadSettings, BadSpan, UnknownName
from pipelines.market.calendars import calendar_of
from pipelines.market.schemas import UTC_US
from pipelines.market.timeframes import length_of

XNYS = calendar_of("XNYS")
DAY = timedelta(days=1)
MOMENTS = st.timedeltas(timedelta(), timedelta(days=12_000)).map(
    lambda passed: datetime(1995, 1, 1, tzinfo=UTC) + passed
)
WHOLE = st.sampled_from(["1m", "5m", "15m", "30m"])


def at(day: date, clock: str = "00:00") -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), UTC)


def opens_on(day: date, timeframe: str = "5m") -> pl.Series:
    return XNYS.opens(at(day), at(day) + DAY, timeframe)


@pytest.mark.parametrize(
    ("day", "bars", "first", "last"),
    [
        (date(2026, 3, 6), 78, "14:30", "20:55"),  # winter
        (date(2026, 3, 9), 78, "13:30", "19:55"),  # the Monday after the clocks went forward
        (date(2025, 10, 31), 78, "13:30", "19:55"),  # the Friday before they go back
        (date(2025, 11, 3), 78, "14:30", "20:55"),  # the Monday after
        (date(2025, 11, 28), 42, "14:30", "17:55"),  # half day after Thanksgiving
        (date(2025, 12, 24), 42, "14:30", "17:55"),  # half day before Christmas
        (date(2014, 7, 3), 42, "13:30", "16:55"),  # half day in summer
        (date(2026, 3, 8), 0, "", ""),  # Sunday, the clocks go forward
        (date(2025, 11, 2), 0, "", ""),  # Sunday, they go back
        (date(2025, 11, 27), 0, "", ""),  # Thanksgiving
        (date(2026, 1, 19), 0, "", ""),  # Martin Luther King day
        (date(2001, 9, 12), 0, "", ""),  # closed after the attacks: a rule of no calendar, but known
    ],
)
def test_the_bars_of_known_days(day: date, bars: int, first: str, last: str) -> None:
    found = opens_on(day)
    assert len(found) == bars
    assert found.dtype == UTC_US
    if bars:
        assert (found[0], found[-1]) == (at(day, first), at(day, last))


@settings(max_examples=60, deadline=None)
@given(start=MOMENTS, days=st.integers(0, 40), timeframe=WHOLE)
def test_bars_fill_the_sessions_and_nothing_else(start: datetime, days: int, timeframe: str) -> None:
    """In any span: on the grid, in order, each inside one session, and all sessions full."""
    end, length = start + days * DAY, length_of(timeframe)
    found = XNYS.opens(start, end, timeframe)
    assert found.is_sorted()
    assert found.is_unique().all()
    assert found.is_between(start, end, closed="left").all()
    assert (found.dt.epoch("us") % (length // timedelta(microseconds=1)) == 0).all()
    sessions = XNYS.sessions(start, end)
    held = found.to_frame().join_asof(
        sessions.with_columns(pl.col("open").alias("open_time")), on="open_time"
    )
    assert (held["open_time"] + length <= held["close"]).all()
    whole = sessions.filter((pl.col("open") >= start) & (pl.col("close") <= end))
    inside = held.group_by("date").len().join(whole, on="date")
    assert inside.height == whole.height
    assert (inside["len"] * length == inside["close"] - inside["open"]).all()


@settings(max_examples=40, deadline=None)
@given(edges=st.lists(MOMENTS, min_size=3, max_size=3).map(sorted), timeframe=st.sampled_from(["5m", "30m"]))
def test_two_spans_that_touch_have_the_bars_of_the_whole_one(edges: list[datetime], timeframe: str) -> None:
    start, middle, end = edges[0], edges[1], min(edges[2], edges[0] + 400 * DAY)
    middle = min(middle, end)
    for calendar in (XNYS, calendar_of("always")):
        parts = [calendar.opens(start, middle, timeframe), calendar.opens(middle, end, timeframe)]
        assert pl.concat(parts).equals(calendar.opens(start, end, timeframe))


@settings(max_examples=40, deadline=None)
@given(MOMENTS)
def test_a_moment_is_in_session_when_a_minute_bar_holds_it(moment: datetime) -> None:
    minute = moment.replace(second=0, microsecond=0)
    expected = len(XNYS.opens(minute, minute + timedelta(minutes=1), "1m")) == 1
    assert XNYS.is_session(moment) is expected


def test_a_session_begins_at_its_open_and_is_over_at_its_close() -> None:
    day = date(2026, 3, 9)
    assert [XNYS.is_session(at(day, clock)) for clock in ("13:29", "13:30", "19:59", "20:00")] == [
        False,
        True,
        True,
        False,
    ]
    assert XNYS.sessions(at(day), at(day) + DAY).rows() == [(day, at(day, "13:30"), at(day, "20:00"))]


@pytest.mark.parametrize("timeframe", ["1h", "12h", "1d"])
def test_a_timeframe_that_leaves_a_rest_of_the_session_is_refused(timeframe: str) -> None:
    sentence = f"timeframe {timeframe} does not divide the sessions of calendar XNYS"
    with pytest.raises(BadSettings, match=sentence):
        opens_on(date(2026, 3, 9), timeframe)
    with pytest.raises(BadSettings, match="choose a shorter timeframe, like 30m"):
        XNYS.require(timeframe)


def test_a_lunch_break_cuts_a_day_in_two_and_no_bar_stands_in_it() -> None:
    hong_kong, day = calendar_of("XHKG"), date(2026, 1, 6)
    assert hong_kong.sessions(at(day), at(day) + DAY)["date"].to_list() == [day, day]
    found = hong_kong.opens(at(day), at(day) + DAY, "30m")
    assert len(found) == 11
    with pytest.raises(BadSettings, match="timeframe 1h does not divide the sessions of calendar XHKG"):
        hong_kong.require("1h")
    assert not found.is_between(at(day, "04:00"), at(day, "05:00"), closed="left").any()


def test_the_bar_that_an_early_close_would_cut_is_not_expected() -> None:
    """Sydney closed at 03:10 UTC on Christmas Eve 2010: four hours, and no bar for the ten minutes after them."""
    sydney, day = calendar_of("XASX"), date(2010, 12, 24)
    found = sydney.opens(at(day) - timedelta(hours=2), at(day) + timedelta(hours=12), "1h")
    assert found.to_list() == [at(day) + timedelta(hours=hour) for hour in (-1, 0, 1, 2)]


def test_a_market_that_never_closes_has_every_bar_and_needs_no_library() -> None:
    always, start = calendar_of("always"), at(date(2026, 3, 8), "22:58")
    assert always.opens(start, start + timedelta(hours=2), "1h").to_list() == [
        at(date(2026, 3, 8), "23:00"),
        at(date(2026, 3, 9)),
    ]
    assert always.sessions(start, start + 2 * timedelta(hours=1))["date"].to_list() == [
        date(2026, 3, 8),
        date(2026, 3, 9),
    ]
    assert always.is_session(start)
    assert always.opens(start, start, "1m").is_empty()
    assert always.sessions(start, start).is_empty()
    code = (
        "import sys; from pipelines.market.calendars import calendar_of; calendar_of('always').require('1h');"
        "sys.exit('exchange_calendars' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_names_and_spans_that_nobody_knows_are_refused_in_one_sentence() -> None:
    with pytest.raises(
        UnknownName, match="calendar 'NOPE' is not known: expected always, XNYS or another code"
    ):
        calendar_of("NOPE")
    hong_kong = calendar_of("XHKG")
    for year in (1950, 2200):
        span = (datetime(year, 1, 1, tzinfo=UTC), datetime(year, 2, 1, tzinfo=UTC))
        with pytest.raises(
            BadSpan, match=f"calendar XHKG does not reach {year}-01-01 to {year}-02-01"
        ) as caught:
            hong_kong.opens(*span, "30m")
        assert "\n" not in str(caught.value)
    assert hong_kong.opens(at(date(1950, 1, 2)), at(date(1950, 1, 1)), "30m").is_empty()


def test_sessions_older_than_the_librarys_default_of_twenty_years_are_known() -> None:
    assert len(opens_on(date(1998, 1, 2))) == 78
    assert len(opens_on(date(1990, 1, 2))) == 78
