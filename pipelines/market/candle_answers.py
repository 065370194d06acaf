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
from pipelines.market.candle_rows import FIELDS, VALUES, candle_table, has_fields
from pipelines.market.paging import Span, floor
from pipelines.market.parsing import candle_rules
from pipelines.market.rows import EARLIEST, QUARANTINE, Rule, exact, judge
from pipelines.market.schemas import CANDLES
from pipelines.market.text_table import LINE
from pipelines.market.timeframes import GRACE, length_of
from pipelines.market.venues import TABLE, Conventions

CONTRADICTED = "the same answer gives this open_time other values too, and nobody can say which are right"


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
    if not isinstance(rows, list) or (rows and not any(has_fields(row, FIELDS[venue]) for row in rows)):
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
    further from the span asked for than the venue's habit allows, contradicts its own close stamp, or another row
    of the same answer: of two values of one bar neither is believed, and the bar is asked for again.
    """
    table = candle_table(rows, conventions.venue, lines_before)
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
        ),
        (pl.struct(*CANDLES).n_unique().over("open_time") == 1, CONTRADICTED),
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
    first: datetime = min(times)  # an answer that begins far inside is cut off, not shifted
    return asked[0] < first <= asked[0] + max(length, (asked[1] - asked[0]) / 10)


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
