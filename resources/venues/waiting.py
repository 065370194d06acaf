"""What is said of bars while their venue is in maintenance, and who waits for it. Deciding that it is: transport.py."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from pipelines.market.paging import Span, closed_part
from pipelines.market.schemas import FIRST_SEEN
from pipelines.market.timeframes import length_of
from resources.sources.source import Delivery
from resources.venues.ledger import Ledger

NOT_ASKED = "not asked for: "


def outage(
    span: Span, reason: str, newest: datetime | None, length: timedelta
) -> list[tuple[Span, str, str]]:
    """Spans with kind and reason of evidence, for bars that were not asked for because their venue was down.

    `newest`: open time of the newest bar that the venue ever gave; None: none. Only the bars after it can lie in the
    outage; of older ones nothing is known but that nobody could ask for them.
    """
    edge = span[1] if newest is None else min(max(newest + length, span[0]), span[1])
    parts = [
        ((span[0], edge), "unknown", NOT_ASKED + reason),
        ((edge, span[1]), "venue-down", reason),
    ]
    return [part for part in parts if part[0][0] < part[0][1]]


def nothing_but(
    reason: str, timeframe: str, spans: Sequence[Span], now: datetime, newest: datetime | None
) -> Delivery:
    """No candle, and what an outage says of every bar of the spans that has closed by `now`.

    `now` is our clock: the venue's is silent; `newest`: open time of the newest stored candle.
    """
    length = length_of(timeframe)
    cut = [closed_part(span, length, now) for span in spans]
    ledger = Ledger(cut, length)
    for span in cut:
        for said in outage(span, reason, newest, length):
            ledger.mark(*said)
    evidence = ledger.evidence(np.empty(0, np.int64), now)
    return Delivery(pl.DataFrame(schema=FIRST_SEEN), notes=(reason,), evidence=evidence)


def with_waiting(found: Delivery, venue: str, symbols: Sequence[str]) -> Delivery:
    """The same with a sentence about every symbol that waits, when the venue was down."""
    evidence = found.evidence
    waiting = (evidence["kind"] == "venue-down") | evidence["reason"].str.starts_with(NOT_ASKED)
    if not symbols or not waiting.any():
        return found
    many = f"{len(symbols)} symbols are" if len(symbols) > 1 else "1 symbol is"
    return replace(found, notes=(*found.notes, f"{many} waiting for {venue}: {', '.join(symbols)}"))
