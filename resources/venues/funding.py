"""Settled funding of a venue as FUNDING. How long a period is, is pipelines/market/funding_files.py's to say.

A rate is known at its stamp. Each record is accepted, quarantined, or an exact repeat.
"""

import json
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from pipelines.errors import BadSpan, MissingData
from pipelines.market.funding_files import LARGEST_RATE, parse_funding
from pipelines.market.native.gathered import Refused
from pipelines.market.rows import EARLIEST
from pipelines.market.schemas import FUNDING, UTC_US
from pipelines.market.symbols import Market
from resources.sources.source import Delivery
from resources.venues.exchange import market_of, speaking
from resources.venues.fields import at, micros, micros_of_number, rows_of
from resources.venues.forward import Question, Rows, Span, Tell, Walk, quiet, walk
from resources.venues.transport import Transport

CONTEXT = timedelta(hours=48)
"""Asked for on both sides of the span, so that its first and last records know their period."""
OTHERS_MOST = 500
SLACK = timedelta(minutes=1)


def fetch_funding(
    market: Market, span: Span, exchange: Any, transport: Transport, tell: Tell = quiet
) -> pl.DataFrame:
    """FUNDING of ask_funding; records that were set aside are told to a person, with their reason."""
    delivery = ask_funding(market, span, exchange, transport, tell)
    if delivery.quarantine.height:
        first = delivery.quarantine.row(0, named=True)
        transport.tell(
            f"{market}: {delivery.quarantine.height} of {delivery.sent} funding records are not used, the first "
            f"because its {first['reason']}: {first['text'][:120]}."
        )
    return delivery.frame


def ask_funding(
    market: Market, span: Span, exchange: Any, transport: Transport, tell: Tell = quiet
) -> Delivery:
    """FUNDING of a market settled in a half-open span.

    Raises VenueError when the venue does not give the span, MissingData when it settles none for this market,
    BadSpan when the span is none.
    """
    start, end = span
    if start >= end:
        raise BadSpan(
            f"funding of {market} from {start} to {end}: expected an end after the start; correct it."
        )
    described = market_of(exchange, market.symbol)
    if not exchange.has.get("fetchFundingRateHistory") or described.get("spot"):
        raise MissingData(
            f"{market} has no funding: expected a perpetual future, found none; choose another market."
        )
    venue, walked = exchange.named.venue, Walk()
    known = exchange.named.id == "hyperliquid"
    names = ("time", "fundingRate") if known else ("timestamp", "fundingRate")

    def ask(cursor: int) -> Rows:
        with speaking(venue):
            if known:
                return rows_of(
                    exchange.publicPostInfo(
                        {"type": "fundingHistory", "coin": described["baseName"], "startTime": cursor // 1000,
                         "endTime": micros(end + CONTEXT) // 1000}
                    ), "funding records", venue, names,
                )  # fmt: skip
            said = exchange.fetch_funding_rate_history(described["symbol"], cursor // 1000, OTHERS_MOST)
            return rows_of(said, "funding records", venue, names)

    def time_of(row: Any) -> int | None:
        return micros_of_number(at(row, names[0]), 1000)

    question = Question(venue, "funding", ask, time_of, lambda row: json.dumps(row, default=str), 1000)
    records = _Records(f"{market} funding", span, transport.clock.now())
    for rows in walk(question, (start - CONTEXT, end + CONTEXT), tell, walked):
        for row in rows:
            records.add(time_of(row), at(row, names[1]), row)
    return records.delivery(walked)


class _Records:
    """Funding records as they are read."""

    def __init__(self, name: str, span: tuple[datetime, datetime], now: datetime) -> None:
        self.name, self.span, self.now = name, span, now
        self.refused, self.repeats, self._line = Refused(name), 0, 0
        self._rates: dict[int, tuple[int, float]] = {}

    def add(self, time: int | None, rate: Any, raw: Any) -> None:
        """One record; those outside of the span only tell the period."""
        self._line += 1
        inside = time is None or micros(self.span[0]) <= time < micros(self.span[1])
        value = _number(rate)
        flaw = None
        if time is None or not micros(EARLIEST) <= time <= micros(self.now + SLACK):
            flaw, inside = "time is no time that has passed", True
        elif value is None:
            flaw = "rate is no finite number below 100 %"
        if flaw is not None or time is None or value is None:
            if inside:
                self.refused.add(self._line, str(flaw), json.dumps(raw, default=str))
            return
        line, first = self._rates.setdefault(time, (self._line, value))
        if line != self._line and inside and first == value:
            self.repeats += 1
        elif line != self._line and inside:
            self.refused.add(
                self._line, f"repeats the time of record {line} with another rate", json.dumps(raw)
            )

    def delivery(self, walked: Walk) -> Delivery:
        """FUNDING of the span, sorted by time."""
        plain = pl.DataFrame(
            {"time": list(self._rates), "funding_rate": [rate for _, rate in self._rates.values()]},
            schema={"time": pl.Int64, "funding_rate": pl.Float64},
        ).with_columns(pl.col("time").cast(UTC_US))
        found = (
            parse_funding(plain, self.name, None, self.now + SLACK)
            if plain.height
            else pl.DataFrame(schema=FUNDING)
        )
        inside = found.filter(pl.col("time").is_between(*self.span, closed="left"))
        notes = (f"{walked.pages} answers that overlap by {walked.overlap} records",)
        return Delivery(inside, self.refused.drain(), notes, False, self.repeats)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < LARGEST_RATE else None
