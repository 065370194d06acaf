"""A venue's public trades of a span as TRADES: judged, without repeats, in order, and audited for lost ones.

Paging is trade_pages.py, reading rows trade_reading.py, the rules of a price are pipelines/market. Each row that
lies in the span is accepted, quarantined, or an exact repeat.
"""

from datetime import datetime
from typing import Any

import polars as pl

from pipelines.errors import BadAnswer, BadSpan
from pipelines.market.native.gathered import table
from pipelines.market.schemas import EVIDENCE
from pipelines.market.symbols import Market
from resources.sources.source import Delivery
from resources.venues.fields import micros
from resources.venues.forward import Span, Tell, Walk, quiet
from resources.venues.trade_audit import Lost, lost_ids
from resources.venues.trade_forms import FORMS, OTHERS
from resources.venues.trade_pages import Paging, pages_of
from resources.venues.trade_reading import Reading
from resources.venues.transport import Transport

SECOND = 1_000_000


def fetch_trades(
    market: Market, span: Span, exchange: Any, transport: Transport, tell: Tell = quiet
) -> Delivery:
    """TRADES of a market in a half-open span; `local_time` is null, the venue's own time is in `time`.

    `exchange` is one of open_exchange. `evidence` says where trades are missing (ids that the venue skipped, moments
    with more trades than one answer holds, quarantined ones: unknown) and where there was none, asked twice
    (verified-empty). Raises VenueError when the venue does not give the span, BadSpan when it is none.
    """
    start, end = span
    if start >= end:
        raise BadSpan(
            f"trades of {market} from {start} to {end}: expected an end after the start; correct it."
        )
    paging = Paging(exchange, market.symbol, span, tell)
    now = transport.clock.now()
    form = FORMS.get(exchange.named.id, OTHERS)
    reading = Reading(f"{market} trades", span, now)
    try:
        for rows in pages_of(paging):
            reading.add(form.read(rows))
            transport.progress = f"{paging.walked.pages} pages of trades done"
    finally:
        transport.progress = ""
    reading.set_far_aside()
    lost = lost_ids(reading.numbers, reading.times) if form.dense and reading.numbered else None
    reading.unproven = form is OTHERS and reading.first is not None and reading.first > micros(start)
    return Delivery(
        reading.frame(),
        reading.refused.drain(),
        _notes(paging, reading, lost),
        check_local_time=False,
        duplicates=reading.repeats,
        evidence=_evidence(paging, reading, lost, now),
    )


def _notes(paging: Paging, reading: Reading, lost: Lost | None) -> tuple[str, ...]:
    walked: Walk = paging.walked
    notes = [f"{walked.pages} answers that overlap by {walked.overlap} trades"]
    if not reading.numbered:
        notes.append("trades are numbered in their order: the venue's ids are no whole numbers")
    if lost is not None:
        notes.append(lost.sentence)
    if reading.disorder:
        notes.append(
            f"{reading.disorder} trades came out of order and were put in the order of their times and ids"
        )
    if reading.repeats:
        notes.append(f"{reading.repeats} trades came again with equal values and were dropped")
    if walked.crowded:
        notes.append(
            f"{len(walked.crowded)} moments hold more trades than one answer of {paging.venue}: some are lost"
        )
    return tuple(notes)


def _evidence(paging: Paging, reading: Reading, lost: Lost | None, now: datetime) -> pl.DataFrame:
    """EVIDENCE: a span that was empty twice is believed to be so unless the ids around it say otherwise."""
    venue, (start, end) = paging.venue, (micros(paging.span[0]), micros(paging.span[1]))
    holes = lost.holes if lost is not None else ()
    rows = [
        (begin, stop, "unknown", f"{venue} left out {count} trade ids there") for begin, stop, count in holes
    ]
    for empty in paging.walked.empty:
        begin, stop = micros(empty[0]), micros(empty[1])
        if not any(left < stop and begin < right for left, right, _ in holes):
            rows.append((begin, stop, "verified-empty", f"{venue} had no trade there, asked twice"))
    crowded = f"{venue} had more trades there than one answer holds"
    rows += [(at, at + SECOND, "unknown", crowded) for at in paging.walked.crowded]
    rows += [(at, at + 1, "unknown", f"a trade of {venue} there was quarantined") for at in reading.spoiled]
    if reading.unproven:
        rows.append((start, reading.first or end, "unknown", f"{venue} may serve no trades as old as this"))
    cut = [(max(a, start), min(b, end), kind, why, micros(now)) for a, b, kind, why in sorted(rows)]
    return table([row for row in cut if row[0] < row[1]], EVIDENCE)


def require_complete(delivery: Delivery, what: str) -> pl.DataFrame:
    """TRADES of a delivery that lacks none; raises BadAnswer when something of its span is unknown."""
    unknown = delivery.evidence.filter(pl.col("kind") == "unknown")
    if unknown.height:
        first = unknown.row(0, named=True)
        raise BadAnswer(
            f"{what} are not complete: expected every trade, found {unknown.height} spans where {first['reason']} "
            f"(the first at {first['time']:%Y-%m-%d %H:%M:%S} UTC); bars of that time stay unknown."
        )
    return delivery.frame
