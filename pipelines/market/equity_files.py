"""Parsing of LEAN's zips: one CSV without a header in each, of stocks or of crypto. CSV with names: candle_files.py.

    stock     time in New York, prices in whole 1/10,000 dollars, pre- and post-market included
    crypto    time in UTC, prices in dollars as decimals
    minute    milliseconds since midnight of the day that the CSV's name begins with
    hour      YYYYMMDD HH:MM, the first hour of a stock's day being 09:00 though it trades from 09:30

A minute without activity has no line. What lies outside the session is cut in candle_cuts.py.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from types import MappingProxyType

import polars as pl

from pipelines.errors import BadData
from pipelines.market.candle_files import VALUES
from pipelines.market.parsing import candle_rules
from pipelines.market.rows import Parsed, Rule, exact, judge, number, quarantine
from pipelines.market.schemas import CANDLES
from pipelines.market.text_table import LINE, raw_lines, text_table
from pipelines.market.timeframes import length_of

ZONES: Mapping[str, str] = MappingProxyType({"lean_equity": "America/New_York", "lean_crypto": "UTC"})
"""Layouts of this file → the clock on the wall of their times."""
PRICES = ("open", "high", "low", "close")
PARTS_OF_A_DOLLAR = 10_000
HEADER = b"open_time,open,high,low,close,volume\n"
NAMED_DAY = re.compile(r"(?<!\d)(\d{8})(?!\d)")


def unpack_zip(raw: bytes, file: str) -> tuple[str, bytes]:
    """Name and content of the one CSV of a zip; raises BadData for a broken zip or any other number of files."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise BadData(f"file {file} holds {len(names)} files: expected one CSV; repack it.")
            return names[0], archive.read(names[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadData(
            f"file {file} cannot be unpacked: expected a whole zip without a password, found "
            f"{str(error).rstrip('.')}; get it again."
        ) from error


def day_of(name: str) -> date | None:
    """The YYYYMMDD in a file's name, or None."""
    found = NAMED_DAY.search(name)
    try:
        return datetime.strptime(found[1], "%Y%m%d").replace(tzinfo=UTC).date() if found else None
    except ValueError:
        return None


def parse_lean(raw: bytes, name: str, file: str, timeframe: str, now: datetime, layout: str) -> Parsed:
    """CANDLES of LEAN's trade bars; `raw`, `name`: the unpacked CSV and its name, `layout`: one of ZONES.

    Lines count from 1. Raises BadData for an empty file, or for times since midnight of a day that `name` lacks.
    """
    if not raw.strip():
        raise BadData(f"file {file} is empty: expected candles; get it again or delete it.")
    table = text_table(HEADER + raw, file, ("open_time", *VALUES)).with_columns(pl.col(LINE) - 1)
    table = table.with_columns(pl.col(VALUES).name.prefix("#")).with_columns(
        _times(table["open_time"], day_of(name), file, ZONES[layout]), *(number(value) for value in VALUES)
    )
    rules = candle_rules(length_of(timeframe), now)
    if layout == "lean_equity":
        rules += [_whole(price) for price in PRICES]
        table = table.with_columns(pl.col(PRICES) / PARTS_OF_A_DOLLAR)
    rules += [rule for value in VALUES for rule in exact(table, value, f"#{value}")]
    good, bad = judge(table, "open_time", rules)
    texts = raw_lines(raw, bad[LINE].to_list()) if bad.height else []
    return Parsed(good.select(*CANDLES, LINE), quarantine(bad, file, texts))


def _whole(price: str) -> Rule:
    """A quotient of two whole numbers is the float64 next to the true decimal, so nothing is lost by dividing."""
    return (
        pl.col(f"#{price}").str.contains(r"^\s*[0-9]{1,15}\s*$"),
        f"{price} is not a whole number of 1/{PARTS_OF_A_DOLLAR:,} dollar",
    )


def _times(stamps: pl.Series, day: date | None, file: str, zone: str) -> pl.Series:
    """Wall-clock stamps as UTC; null where they are none, or where the clock shows them never or twice."""
    if stamps.str.contains(" ").any():
        wall = stamps.str.to_datetime("%Y%m%d %H:%M", time_unit="us", strict=False)
    elif day is None:
        raise BadData(
            f"file {file} has times since midnight but its CSV's name no day: expected YYYYMMDD at its start; "
            "rename it."
        )
    else:
        passed = stamps.cast(pl.Int64, strict=False).cast(pl.Duration("ms")).dt.cast_time_unit("us")
        wall = pl.select(pl.lit(datetime.combine(day, time())) + passed).to_series()
    local = wall.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    return local.dt.convert_time_zone("UTC").alias("open_time")
