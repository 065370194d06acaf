"""Candles of one file that are sound rows and still no candles of the market: set aside with a reason, never dropped.

Three judgements: the last one may be unfinished, one may stand outside the session, one may agree with no neighbour.
The rules of a single row are in parsing.py; whole files are judged in plausibility.py.
"""

from dataclasses import replace
from datetime import datetime

import polars as pl

from pipelines.market.calendars import ALWAYS, Calendar
from pipelines.market.candle_files import csv_of
from pipelines.market.rows import STANDING, Parsed, quarantine
from pipelines.market.text_table import LINE, raw_lines
from pipelines.market.timeframes import length_of

PRICES = ("open", "high", "low", "close")
NEIGHBOURS = 5
"""Candles on each side that a candle is compared with; the median of five bears two broken ones."""
LARGEST_MOVE = 0.5
"""No price of a candle is this share away from its neighbours' closes on both sides."""
UNFINISHED = "last candle of its file, which may still have been open when it was saved"
OUTSIDE = "outside the regular session"
ALONE = "its prices agree with neither the candles before it nor those after it, as where a split mixes two scales"


def without_last(parsed: Parsed, file: str, raw: bytes | None = None) -> Parsed:
    """The file without its last candle: a file has no clock that says whether it had closed."""
    last = parsed.rows.select(pl.col("open_time") == pl.col("open_time").max()).to_series()
    return set_aside(parsed, file, last, UNFINISHED, raw)


def within_sessions(
    parsed: Parsed, file: str, calendar: Calendar, timeframe: str, raw: bytes | None = None
) -> Parsed:
    """The file without candles that the calendar does not expect; raises BadSettings as Calendar.opens does."""
    opens = parsed.rows["open_time"]
    first, last = opens.min(), opens.max()
    if calendar.name == ALWAYS or not isinstance(first, datetime) or not isinstance(last, datetime):
        return parsed
    expected = calendar.opens(first, last + length_of(timeframe), timeframe)
    return set_aside(parsed, file, ~opens.is_in(expected.implode()), OUTSIDE, raw)


def without_jumps(parsed: Parsed, file: str, raw: bytes | None = None) -> Parsed:
    """The file without candles that are alone: see `alone`."""
    order = parsed.rows["open_time"].arg_sort()
    place = order.arg_sort()
    return set_aside(parsed, file, alone(parsed.rows[order])[place], ALONE, raw)


def alone(candles: pl.DataFrame) -> pl.Series:
    """True where some price of a candle is LARGEST_MOVE off the median close on either side; sorted CANDLES in.

    A market that changes its level for good agrees with one side and stays; a candle that holds two levels, or
    a spike, agrees with none. Fewer than four candles of a level at a file's edge cannot be told from an error and
    are true too; a candle without any neighbour is not judged.
    """
    close = candles["close"]
    before = close.shift(1).rolling_median(NEIGHBOURS, min_samples=1)
    after = close.reverse().shift(1).rolling_median(NEIGHBOURS, min_samples=1).reverse()
    sides = [
        pl.all_horizontal((pl.col(price) / side - 1).abs() < LARGEST_MOVE for price in PRICES)
        for side in (before, after)
    ]
    agrees = candles.select(pl.any_horizontal(side.fill_null(value=False) for side in sides)).to_series()
    return ~agrees & (before.is_not_null() | after.is_not_null())


def set_aside(parsed: Parsed, file: str, bad: pl.Series, reason: str, raw: bytes | None = None) -> Parsed:
    """The file with these rows in quarantine, for one reason; `raw`: the file's text, None when it has none."""
    if not bad.any():
        return parsed
    rows = parsed.rows.filter(bad)
    texts = raw_lines(raw, rows[LINE].to_list()) if raw else csv_of(rows.drop(LINE)).decode().splitlines()[1:]
    moved = rows.select(LINE, pl.lit(reason).alias("reason"), pl.col("open_time").alias(STANDING))
    aside = pl.concat([parsed.quarantine, quarantine(moved, file, texts)])
    return replace(parsed, rows=parsed.rows.filter(~bad), quarantine=aside)
