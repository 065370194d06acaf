"""Whether the times of a share's candles are in the zone that they were read in. Cutting them is candle_cuts.py."""

from pipelines.errors import BadData
from pipelines.market.calendars import Calendar
from pipelines.market.candle_files import READ_AS_UTC
from pipelines.market.rows import Parsed

LARGEST_SHARE = 0.05
"""Candles outside the session that a file without time zones may hold; a clock hours off puts most of them there."""


def refuse_other_zone(before: Parsed, after: Parsed, file: str, calendar: Calendar) -> None:
    """Raise BadData when times that name no zone lie outside the calendar's sessions too often.

    before, after : the file before and after the cut to its sessions. Where the zone is known, candles outside the
    session are those before its opening and after its close, and a file may hold any number of them.
    """
    outside = before.rows.height - after.rows.height
    if READ_AS_UTC not in before.notes or outside <= LARGEST_SHARE * before.rows.height:
        return
    raise BadData(
        f"file {file} has {outside:,} of {before.rows.height:,} candles outside the sessions of {calendar.name} when "
        f"its times, which name no time zone, are read as UTC: expected at most {LARGEST_SHARE:.0%}; write them in "
        "UTC with Z at their end, for they may be times of the exchange's own zone."
    )
