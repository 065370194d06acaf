"""What a fetch delivers while its venue is in maintenance, and who waits for it. Deciding that it is: transport.py."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl

from pipelines.market.paging import Span, ceiling, closed_end
from pipelines.market.schemas import FIRST_SEEN
from pipelines.market.timeframes import length_of
from resources.sources.source import Delivery
from resources.venues.ledger import Ledger


def nothing_but(reason: str, timeframe: str, spans: Sequence[Span], now: datetime) -> Delivery:
    """No candle, and every bar of the spans that has closed by `now` (our clock: the venue's is silent) venue-down."""
    length = length_of(timeframe)
    closed = closed_end(now, length)
    cut = [(ceiling(start, length), min(ceiling(end, length), closed)) for start, end in spans]
    ledger = Ledger([span for span in cut if span[0] < span[1]], length)
    for span in cut:
        ledger.mark(span, "venue-down", reason)
    evidence = ledger.evidence(np.empty(0, np.int64), now)
    return Delivery(pl.DataFrame(schema=FIRST_SEEN), notes=(reason,), evidence=evidence)


def with_waiting(found: Delivery, venue: str, symbols: Sequence[str]) -> Delivery:
    """The same with a sentence about every symbol that waits, when the venue was down."""
    if not symbols or not (found.evidence["kind"] == "venue-down").any():
        return found
    many = f"{len(symbols)} symbols are" if len(symbols) > 1 else "1 symbol is"
    return replace(found, notes=(*found.notes, f"{many} waiting for {venue}: {', '.join(symbols)}"))
