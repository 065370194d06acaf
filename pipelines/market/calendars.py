"""Trading calendars: when a market is open, and which bars are therefore expected. No prices live here.

`always` never closes. Any other name is a code of exchange_calendars (XNYS: New York, regular session only): its
rules, not a clock or a network, say what a session is, so the same span always has the same answer.
"""

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import polars as pl

from pipelines.errors import BadSettings, BadSpan, UnknownName
from pipelines.market.schemas import UTC_US
from pipelines.market.timeframes import length_of

ALWAYS = "always"
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
REFERENCE = 2024
"""A year that every calendar of exchange_calendars knows, for questions without a span."""
USUAL = 0.25
"""A length that this share of all sessions has is a usual one; half days and late opens are not."""
PADDING = 3 * DAY
"""A session may open on the day before its date; years are loaded with a margin that covers it."""
SESSIONS: dict[str, pl.DataType | type[pl.DataType]] = {
    "date": pl.Date,  # the exchange's own date of the session
    "open": UTC_US,
    "close": UTC_US,  # exclusive: a bar may end here, none may begin
}


@dataclass(frozen=True)
class Calendar:
    """One market's opening hours; spans are half-open, [start, end), in aware UTC."""

    name: str

    def sessions(self, start: datetime, end: datetime) -> pl.DataFrame:
        """SESSIONS that share a moment with [start, end), by open; a lunch break splits a day into two rows.

        `always` has one session a UTC day. Raises BadSpan where the exchange's calendar is not known.
        """
        if end <= start:
            return pl.DataFrame(schema=SESSIONS)
        if self.name == ALWAYS:
            return _days(start, end)
        return _known(self.name, start, end).filter((pl.col("open") < end) & (pl.col("close") > start))

    def opens(self, start: datetime, end: datetime, timeframe: str) -> pl.Series:
        """Open times in [start, end) of the bars that are expected, ascending, Datetime[us, UTC].

        Bars stand on multiples of the timeframe since the epoch, and none begins before its session's open or ends
        after its close: XNYS has 78 of 5m on a full day and 42 on a half day. Raises BadSettings for a timeframe
        that leaves a rest of a usual session (1h of XNYS, open 6.5 hours): its last bar would be a shorter one.
        """
        length = length_of(timeframe)
        if self.name == ALWAYS:
            return _grid(start, end, length)
        if end <= start:
            return pl.Series("open_time", [], dtype=UTC_US)
        _require_whole(self.name, _known(self.name, start, end), timeframe)
        sessions = self.sessions(start, end).with_columns(
            _first(length).alias("first"), _last(length).alias("last")
        )
        bars = sessions.filter(pl.col("first") < pl.col("last")).select(
            pl.datetime_ranges("first", "last", interval=length, closed="left").alias("open_time")
        )
        opens = bars.explode("open_time", empty_as_null=False)["open_time"].cast(UTC_US)
        return opens.filter(opens.is_between(start, end, closed="left"))

    def require(self, timeframe: str) -> None:
        """Raise BadSettings for a timeframe that `opens` refuses, judged by the sessions of REFERENCE."""
        length_of(timeframe)
        if self.name != ALWAYS:
            _require_whole(self.name, _schedule(self.name, REFERENCE, REFERENCE), timeframe)

    def is_session(self, time: datetime) -> bool:
        """Whether the market is open at a moment; it is at its open, and no longer at its close."""
        return self.sessions(time, time + MICROSECOND).height > 0


def closing_sessions(name: str, start: datetime, end: datetime) -> pl.DataFrame | None:
    """SESSIONS of a calendar that share a moment with [start, end); None for one that never closes."""
    return None if name == ALWAYS else Calendar(name).sessions(start, end)


def calendar_of(name: str) -> Calendar:
    """The calendar of a name; raises UnknownName for one that neither we nor exchange_calendars know."""
    if name != ALWAYS and name not in _names():
        raise UnknownName(
            f"calendar {name!r} is not known: expected {ALWAYS}, XNYS or another code of exchange_calendars; "
            "correct it."
        )
    return Calendar(name)


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    with _without_their_deprecations():
        return frozenset(_theirs().get_calendar_names())


def _known(name: str, start: datetime, end: datetime) -> pl.DataFrame:
    """Sessions of whole years around a span, so that neighbouring spans share one schedule."""
    begin, until = start.astimezone(UTC), end.astimezone(UTC)
    try:
        return _schedule(name, (begin - PADDING).year, (until + PADDING).year)
    except (ValueError, OverflowError) as error:  # theirs for a year their holidays or pandas do not reach
        raise BadSpan(
            f"calendar {name} does not reach {begin:%Y-%m-%d} to {until:%Y-%m-%d}: expected a span inside what "
            f"exchange_calendars knows, found {str(error).rstrip('.')}; move the span."
        ) from error


@lru_cache(maxsize=32)
def _schedule(name: str, first: int, last: int) -> pl.DataFrame:
    """SESSIONS of the years first to last. By default exchange_calendars would know 20 years back from today."""
    with _without_their_deprecations():
        theirs = _theirs().get_calendar(name, start=f"{first}-01-01", end=f"{last}-12-31").schedule
    times = {
        column: pl.Series(theirs[column].dt.tz_convert(None).to_numpy().copy()).cast(pl.Datetime("us"))
        for column in ("open", "break_start", "break_end", "close")
    }
    table = pl.DataFrame(
        {"date": pl.Series(theirs.index.to_numpy().copy()).cast(pl.Date), **times}
    ).with_columns(pl.col(*times).dt.replace_time_zone("UTC"))
    broken = pl.col("break_start").is_not_null()
    morning = table.with_columns(close=pl.when(broken).then("break_start").otherwise("close"))
    afternoon = table.filter(broken).with_columns(open=pl.col("break_end"))
    return pl.concat([morning, afternoon]).select(*SESSIONS).cast(pl.Schema(SESSIONS)).sort("open")


def _theirs() -> Any:
    """Half a second and pandas: imported when a calendar is asked for, never with this module."""
    import exchange_calendars

    return exchange_calendars


def _without_their_deprecations() -> warnings.catch_warnings:
    """exchange_calendars 4.13.2 calls what pandas 3.1 deprecates; that is theirs to mend."""
    return warnings.catch_warnings(action="ignore", category=DeprecationWarning)


def _require_whole(name: str, sessions: pl.DataFrame, timeframe: str) -> None:
    length = length_of(timeframe)
    lasting = pl.col("close") - pl.col("open")
    whole = (_first(length) == pl.col("open")) & (_last(length) == pl.col("close"))
    usual = pl.len().over(lasting.alias("lasting")) >= USUAL * pl.len()
    typical = sessions.filter(usual).with_columns(whole.alias("whole"))
    if not typical["whole"].all():
        found = typical.filter(~pl.col("whole")).row(0, named=True)
        raise BadSettings(
            f"timeframe {timeframe} does not divide the sessions of calendar {name}: expected bars on multiples of "
            f"{timeframe} that fill them, found one from {found['open']:%Y-%m-%d %H:%M} to {found['close']:%H:%M} "
            "UTC; choose a shorter timeframe, like 30m."
        )


def _first(length: timedelta) -> pl.Expr:
    return (pl.col("open") + length - MICROSECOND).dt.truncate(length)


def _last(length: timedelta) -> pl.Expr:
    return pl.col("close").dt.truncate(length)


def _days(start: datetime, end: datetime) -> pl.DataFrame:
    midnights = _grid(start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0), end, DAY)
    return midnights.to_frame("open").select(
        pl.col("open").dt.date().alias("date"), "open", (pl.col("open") + DAY).alias("close")
    )


def _grid(start: datetime, end: datetime, length: timedelta) -> pl.Series:
    """Multiples of a length since the epoch in [start, end)."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    first = epoch + -((epoch - start) // length) * length
    return pl.datetime_range(
        first, max(end, first), length, closed="left", time_unit="us", time_zone="UTC", eager=True
    ).alias("open_time")
