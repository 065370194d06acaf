"""Parsing of candle files, CSV or Parquet, by column name. The rules of a row are in parsing.py.

LEAN's zips are in equity_files.py. What a calendar or a neighbour says about a candle is in candle_cuts.py.
"""

import csv
import io
from dataclasses import replace
from datetime import datetime

import polars as pl

from pipelines.errors import BadData
from pipelines.market.parsing import candle_rules
from pipelines.market.rows import Parsed, Rule, exact, judge, number, quarantine
from pipelines.market.schemas import CANDLES, UTC_US
from pipelines.market.text_table import FLAW, LINE, raw_lines, text_table
from pipelines.market.timeframes import length_of

TIME_NAMES = ("open_time", "timestamp", "time", "datetime")
VALUES = ("open", "high", "low", "close", "volume")
MICROS = {"s": 1_000_000.0, "ms": 1_000.0, "us": 1.0, "ns": 0.001}
LARGEST = {"s": 1e11, "ms": 1e14, "us": 1e17, "ns": 1e20}
"""Stamps below are of that unit: these are the year 5138 in each, and the next unit's 1973."""
KRAKEN_HEADER = b"open_time,open,high,low,close,volume,trades\n"
ZONE = r"(Z|[+]00:?00| UTC)$"
READ_AS_UTC = "times without a zone were read as UTC"
FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")


def parse_candle_text(
    raw: bytes, file: str, timeframe: str, now: datetime, unit: str | None = None
) -> Parsed:
    """CANDLES of a CSV with columns open_time (or timestamp, time, datetime), open, high, low, close, volume.

    Times are whole numbers in `unit` (by their size when None) or ISO 8601 in UTC; see parsing.py for rows.
    Raises BadData for an empty file or a missing column.
    """
    first = raw.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace").strip()
    names = _named([name.strip() for name in next(csv.reader([first]), [])], file) if first else {}
    table = text_table(raw, file, [names.get(name, name) for name in ("open_time", *VALUES)])
    table = table.rename({source: name for name, source in names.items()})
    times, note = _times(table["open_time"], unit)
    table = table.with_columns(pl.col(VALUES).name.prefix("#")).with_columns(
        times, *(number(name) for name in VALUES)
    )
    rules = candle_rules(length_of(timeframe), now)
    rules += [rule for name in VALUES for rule in _survives(table, name)]
    good, bad = judge(table, "open_time", rules)
    texts = raw_lines(raw, bad[LINE].to_list()) if bad.height else []
    return Parsed(good.select(*CANDLES, LINE), quarantine(bad, file, texts), notes=note)


def parse_candle_table(
    table: pl.DataFrame, file: str, timeframe: str, now: datetime, unit: str | None = None
) -> Parsed:
    """CANDLES of a Parquet table; the same columns as parse_candle_text, lines are 1-based rows.

    Text columns go the way of CSV. Floats are taken as they are: they cannot be more exact than float64.
    """
    names = _named(table.columns, file)
    if absent := [name for name in ("open_time", *VALUES) if name not in names]:
        raise BadData(
            f"file {file} lacks column {', '.join(absent)}: expected open_time, {', '.join(VALUES)}, found "
            f"{', '.join(table.columns)}; rename its columns."
        )
    plain = table.select(pl.col(source).alias(name) for name, source in names.items())
    if any(plain[name].dtype == pl.String for name in VALUES):
        parsed = parse_candle_text(csv_of(plain), file, timeframe, now, unit)
        return replace(
            parsed,
            rows=parsed.rows.with_columns(pl.col(LINE) - 1),
            quarantine=parsed.quarantine.with_columns(pl.col("line") - 1),
        )
    times, note = _times(plain["open_time"], unit)
    typed = plain.with_columns(
        times,
        *(number(name) for name in VALUES),
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(LINE),
        pl.lit(None, pl.String).alias(FLAW),
    )
    good, bad = judge(typed, "open_time", candle_rules(length_of(timeframe), now))
    lines = csv_of(plain[(bad[LINE] - 1).to_list()]).decode().splitlines()[1:] if bad.height else []
    return Parsed(good.select(*CANDLES, LINE), quarantine(bad, file, lines), notes=note)


def parse_kraken_ohlcvt(raw: bytes, file: str, timeframe: str, now: datetime) -> Parsed:
    """CANDLES of Kraken's archive: epoch seconds, open, high, low, close, volume, trades; no header line.

    Raises BadData for an empty file; lines count from 1.
    """
    if not raw.strip():
        raise BadData(f"file {file} is empty: expected candles; get it again or delete it.")
    parsed = parse_candle_text(KRAKEN_HEADER + raw, file, timeframe, now, "s")
    return replace(
        parsed,
        rows=parsed.rows.with_columns(pl.col(LINE) - 1),
        quarantine=parsed.quarantine.with_columns(pl.col("line") - 1),
    )


def _survives(table: pl.DataFrame, name: str) -> list[Rule]:
    """The rule that a text survives float64: short enough, or exactly what a float64 prints as (pandas' files)."""
    plain = pl.col(f"#{name}").str.replace(r"(\.[0-9]*[1-9])0+$", "${1}")
    printed = plain == pl.col(name).cast(pl.String)
    return [(holds | printed, reason) for holds, reason in exact(table, name, f"#{name}")]


def _named(found: list[str], file: str) -> dict[str, str]:
    """Our column name → the file's, ignoring case; raises BadData when two columns claim one name."""
    by_name: dict[str, str] = {}
    for source in found:
        name = source.lower()
        name = "open_time" if name in TIME_NAMES else name
        if name in ("open_time", *VALUES):
            if name in by_name:
                raise BadData(
                    f"file {file} has columns {by_name[name]} and {source} for {name}: expected one; drop "
                    "the other."
                )
            by_name[name] = source
    return by_name


def _times(stamps: pl.Series, unit: str | None) -> tuple[pl.Series, tuple[str, ...]]:
    """Stamps as UTC microseconds, null where they are none, and what had to be assumed."""
    if isinstance(stamps.dtype, pl.Datetime):
        naive = stamps.dtype.time_zone is None
        aware = stamps.dt.replace_time_zone("UTC") if naive else stamps.dt.convert_time_zone("UTC")
        return aware.cast(UTC_US).alias("open_time"), (READ_AS_UTC,) if naive else ()
    text = stamps.cast(pl.String)
    whole = text.str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
    if whole.null_count() * 2 <= len(whole):
        return _epoch(whole, unit)
    plain = text.str.replace("T", " ").str.replace(ZONE, "")
    read = pl.select(
        pl.coalesce(plain.str.to_datetime(form, time_unit="us", strict=False) for form in FORMATS)
    ).to_series()
    naive = (read.is_not_null() & ~text.str.contains(ZONE)).any()
    return read.dt.replace_time_zone("UTC").alias("open_time"), (READ_AS_UTC,) if naive else ()


def _epoch(whole: pl.Series, unit: str | None) -> tuple[pl.Series, tuple[str, ...]]:
    size = whole.abs().median() or 0.0
    guess = next((name for name, limit in LARGEST.items() if float(str(size)) < limit), "ns")
    chosen = unit or guess
    micros = whole // 1000 if chosen == "ns" else whole * int(MICROS[chosen])
    note = () if unit else (f"whole-number times were read as {chosen}",)
    return micros.cast(UTC_US).alias("open_time"), note


def csv_of(table: pl.DataFrame) -> bytes:
    """The table as the text of a CSV file, header included."""
    buffer = io.BytesIO()
    table.write_csv(buffer)
    return buffer.getvalue()
