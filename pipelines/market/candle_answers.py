"""A venue's answer to one request for candles, as accepted and quarantined rows. Asking is resources/venues/candles.py.

The answer is JSON whose numbers with a point are still text (resources/venues/transport.read_json), so that no
digit is lost before it is judged. Rows sent = accepted + quarantined + unfinished; none is dropped by a parser.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from pipelines.errors import BadAnswer
from pipelines.market.paging import Span, floor
from pipelines.market.parsing import candle_rules
from pipelines.market.rows import EARLIEST, QUARANTINE, Rule, exact, judge, number
from pipelines.market.schemas import CANDLES, UTC_US
from pipelines.market.text_table import FLAW, LINE
from pipelines.market.timeframes import GRACE, length_of
from pipelines.market.venues import TABLE, Conventions

VALUES = ("open", "high", "low", "close", "volume")
FIELDS: dict[str, tuple[str | int, ...]] = {
    "coinbase": ("start", "open", "high", "low", "close", "volume"),
    "kraken": (0, 1, 2, 3, 4, 6),
    "hyperliquid": ("t", "o", "h", "l", "c", "v"),
    "alpaca": ("t", "o", "h", "l", "c", "v"),
}
"""Where stamp, prices and volume stand in a row; ccxt's own rows are lists in this order, stamped in ms."""
MICROS = {"coinbase": 1_000_000, "kraken": 1_000_000}
LATEST = 10**17
"""No stamp in microseconds lies beyond the year 5138; larger numbers are broken and must not overflow."""


@dataclass(frozen=True)
class Answered:
    """One answer, row by row."""

    rows: pl.DataFrame  # CANDLES of closed bars, by open_time; a time may repeat
    quarantine: pl.DataFrame  # QUARANTINE
    spoiled: tuple[datetime, ...] = ()  # bars that a quarantined row was about
    unreadable: int = 0  # quarantined rows whose bar cannot be told
    unfinished: int = 0  # bars that had not closed by the venue's clock
    shifted: bool = False  # the rows lie as if they were stamped with their closes
    sent: int = 0


def raw_rows(venue: str, answer: Any, name: str) -> list[Any]:
    """The rows of a known venue's answer, whatever they hold.

    `name` is the venue's name of what was asked for. Raises BadAnswer when the answer is not shaped as the venue
    shapes its answers, which ccxt would take for an empty one (F6).
    """
    rows: Any = None
    match venue, answer:
        case "coinbase", {"candles": rows}:
            pass
        case "kraken", {"result": {"last": _, **pairs}} if len(pairs) == 1:
            rows = next(iter(pairs.values()))
        case "hyperliquid", [*_]:
            rows = answer
        case "alpaca", {"bars": dict(bars)} if set(bars) <= {name}:
            rows = bars.get(name, [])
    if not isinstance(rows, list) or (rows and not any(_has_fields(row, FIELDS[venue]) for row in rows)):
        raise BadAnswer(
            f"{venue} answered something that is not its form of candles of {name}: found "
            f"{json.dumps(answer, default=str)[:120]}; nothing of it is used."
        )
    return rows


def continues(venue: str, answer: Any) -> str | None:
    """The token under which a known venue goes on with an answer it cut off, or None."""
    token = answer.get("next_page_token") if venue == "alpaca" and isinstance(answer, dict) else None
    return token if isinstance(token, str) and token else None


def read_candles(
    rows: list[Any],
    source: str,
    asked: Span,
    timeframe: str,
    conventions: Conventions,
    server_now: datetime,
    lines_before: int = 0,
) -> Answered:
    """The rows of one answer, judged: `source` names the answer in the quarantine, lines count from 1.

    A row is quarantined when it is no candle, breaks candle_rules, has a number too long for float64, lies
    further from the span asked for than the venue's habit allows, or contradicts its own close stamp.
    """
    table = _table(rows, conventions.venue, lines_before)
    length = length_of(timeframe)
    now, last_closed = server_now, server_now - GRACE - length
    open_now = pl.col("open_time").is_between(last_closed, now, closed="right") & _on_grid(length)
    unfinished = table.select(open_now.fill_null(False).alias("open"))["open"]
    judged = table.filter(~unfinished)
    rules = [
        *candle_rules(length, server_now - GRACE),
        *(rule for name in VALUES for rule in exact(judged, name, f"#{name}")),
        *_rules_of_the_answer(judged, asked, length, conventions),
    ]
    good, bad = judge(judged, "open_time", rules)
    whose = judged.join(bad.select(LINE), on=LINE, how="semi")["open_time"]
    believable = whose.filter(whose.is_between(EARLIEST, now))
    return Answered(
        rows=good.select(*CANDLES).sort("open_time", maintain_order=True),
        quarantine=_quarantine(bad, source, rows, lines_before),
        spoiled=tuple(sorted({floor(time, length) for time in believable})),
        unreadable=len(whose) - len(believable),
        unfinished=int(unfinished.sum()),
        shifted=_shifted(table, asked, length, conventions, server_now),
        sent=len(rows),
    )


def _rules_of_the_answer(
    table: pl.DataFrame, asked: Span, length: timedelta, conventions: Conventions
) -> list[Rule]:
    """Rules that a row can break only as part of this answer to this question."""
    room = conventions.overflow * length
    time = pl.col("open_time")
    upper = time < asked[1] + room if conventions.takes_end else pl.lit(True)
    rules: list[Rule] = [
        (
            (time >= asked[0] - room) & upper,
            f"open_time is outside the span asked for, {asked[0]:%Y-%m-%d %H:%M} to {asked[1]:%Y-%m-%d %H:%M}",
        )
    ]
    if conventions.venue == "hyperliquid":
        micros = length // timedelta(microseconds=1)
        ends = (pl.col("#close_stamp") + 1) * 1000 == time.to_physical() + micros
        rules.append(
            (ends | pl.col("#close_stamp").is_null(), "its close stamp T does not end the bar it opens")
        )
    return rules


def _shifted(
    table: pl.DataFrame, asked: Span, length: timedelta, conventions: Conventions, server_now: datetime
) -> bool:
    """Whether rows lie one bar too late (F28): the next bar is there already, or the end is and the start is not."""
    times = set(table["open_time"].drop_nulls())
    if floor(server_now, length) + length in times:
        return True
    if not (conventions.takes_end and conventions.venue in TABLE and asked[1] in times):
        return False
    first = min(times)  # an answer that begins far inside is cut off, not shifted
    return asked[0] < first <= asked[0] + max(length, (asked[1] - asked[0]) / 10)


def _table(rows: list[Any], venue: str, before: int) -> pl.DataFrame:
    """Rows as CANDLES with their texts beside them (`#open`), LINE and FLAW."""
    fields = FIELDS.get(venue, (0, 1, 2, 3, 4, 5))
    texts = [_texts(row, fields) for row in rows]
    names = ("#stamp", *(f"#{name}" for name in VALUES))
    columns: dict[str, pl.Series] = {
        name: pl.Series([text[place] if text else None for text in texts], dtype=pl.String)
        for place, name in enumerate(names)
    }
    closes = [row.get("T") if isinstance(row, dict) else None for row in rows]
    whole = [stamp if type(stamp) is int and 0 <= stamp < LATEST else None for stamp in closes]
    table = pl.DataFrame(
        {
            **columns,
            "#close_stamp": pl.Series(whole, dtype=pl.Int64),
            LINE: pl.Series(range(before + 1, before + len(rows) + 1), dtype=pl.Int64),
            FLAW: pl.Series(
                [None if text else f"is no row of {venue}'s candles" for text in texts], dtype=pl.String
            ),
        }
    )
    numbers = (number(f"#{name}").alias(name) for name in VALUES)
    return table.with_columns(_time(venue).alias("open_time"), *numbers)


def _has_fields(row: Any, fields: tuple[str | int, ...]) -> bool:
    if isinstance(row, dict):
        return all(field in row for field in fields)
    return isinstance(row, list | tuple) and isinstance(fields[-1], int) and len(row) > fields[-1]


def _texts(row: Any, fields: tuple[str | int, ...]) -> list[str | None] | None:
    """The fields of a row as text (None: no number and no text); None when the row has not these fields."""
    return [_text(row[field]) for field in fields] if _has_fields(row, fields) else None


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _time(venue: str) -> pl.Expr:
    stamp = pl.col("#stamp")
    if venue == "alpaca":
        offset = stamp.str.replace(r"Z$", "+00:00")
        return offset.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", time_unit="us", strict=False).cast(UTC_US)
    unit = MICROS.get(venue, 1000)
    whole = stamp.cast(pl.Int64, strict=False)
    return (pl.when(whole.is_between(0, LATEST // unit)).then(whole) * unit).cast(UTC_US)


def _on_grid(length: timedelta) -> pl.Expr:
    return pl.col("open_time").to_physical() % (length // timedelta(microseconds=1)) == 0


def _quarantine(bad: pl.DataFrame, source: str, rows: list[Any], before: int) -> pl.DataFrame:
    texts = [json.dumps(rows[line - before - 1], default=str) for line in bad[LINE]]
    return bad.select(
        pl.lit(source).alias("file"),
        pl.col(LINE).alias("line"),
        "reason",
        pl.Series("text", texts, dtype=pl.String),
    ).select(*QUARANTINE)
