"""Fills of a wallet as FILLS, from Hyperliquid's public record. Side codes and rules: pipelines/market/wallets.

The venue keeps the newest 10,000 fills of a wallet; older ones are gone, and a wallet that has so many is said to.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from pipelines.errors import BadSettings, BadSpan, VenueRefused
from pipelines.market.native.gathered import table
from pipelines.market.rows import EARLIEST, QUARANTINE
from pipelines.market.schemas import FILLS
from pipelines.market.symbols import Market
from pipelines.market.wallets.fills import parse_user_fills
from pipelines.market.wallets.kept import ASKED, WALLET_EVIDENCE
from resources.sources.source import Delivery
from resources.venues.exchange import market_of, speaking
from resources.venues.fields import at, micros, micros_of_number, rows_of
from resources.venues.forward import Question, Rows, Span, Tell, Walk, quiet, walk
from resources.venues.transport import Transport

KEPT = 10_000
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
SLACK = timedelta(minutes=1)


def fetch_fills(
    market: Market,
    wallets: Sequence[str],
    span: Span,
    exchange: Any,
    transport: Transport,
    tell: Tell = quiet,
) -> Delivery:
    """FILLS of the wallets in one market and a half-open span, sorted by time; fills in other coins are left out.

    `evidence` (WALLET_EVIDENCE) says of each wallet that answered with any fill what it was asked for, and marks as
    unknown the moments with more fills than one answer holds, and the time before the oldest fill of a wallet whose
    record is full. Raises VenueError, BadSpan, and BadSettings for what is no address.
    """
    start, end = span
    if start >= end:
        raise BadSpan(
            f"fills on {market} from {start} to {end}: expected an end after the start; correct it."
        )
    if exchange.named.id != "hyperliquid":
        raise VenueRefused(
            f"{market.venue} publishes no fills of wallets: expected hyperliquid; remove its wallets from the settings."
        )
    described = market_of(exchange, market.symbol)
    coin = described["baseName"] if described["swap"] else described["id"]
    parts = []
    for number, address in enumerate(wallets):
        if not ADDRESS.fullmatch(address):
            raise BadSettings(
                f"wallet {address!r} is no address: expected 0x and 40 hexadecimal digits; correct it."
            )
        parts.append(_of_wallet(address, coin, span, exchange, transport))
        tell(f"fills on {market}", (number + 1) / len(wallets))
    return _joined(parts)


def _of_wallet(address: str, coin: str, span: Span, exchange: Any, transport: Transport) -> Delivery:
    venue, (start, end), now = exchange.named.venue, span, transport.clock.now()

    def ask(cursor: int) -> Rows:
        asked = {
            "type": "userFillsByTime",
            "user": address,
            "startTime": cursor // 1000,
            "endTime": micros(end) // 1000,
        }
        with speaking(venue):
            said = exchange.publicPostInfo(asked)
        return rows_of(said, "fills", venue, ("time", "px", "sz", "side"))

    walked, found = Walk(), _Found(coin, span)
    for rows in walk(Question(venue, "fills", ask, _time_of, _key_of, 1000), span, quiet, walked):
        for row in rows:
            found.add(row)
    window = (EARLIEST, max(now, start) + SLACK)
    parsed = parse_user_fills(found.rows.values(), address, f"{venue} fills of {address}", window)
    notes = (
        *parsed.notes,
        f"{address}: {walked.pages} answers that overlap by {walked.overlap} fills, {found.others} in other coins",
    )
    return Delivery(
        parsed.rows,
        parsed.quarantine,
        notes,
        check_local_time=False,
        duplicates=parsed.repeats + found.again,
        evidence=_evidence(address.lower(), walked, found, span, now),
    )


class _Found:
    """Fills of one wallet as they come; what comes again because answers overlap is one fill."""

    def __init__(self, coin: str, span: Span) -> None:
        self.coin, self._start, self._end = coin, micros(span[0]), micros(span[1])
        self.rows: dict[str, Any] = {}
        self.again = self.others = 0
        self.oldest: int | None = None
        self._others: set[str] = set()

    def add(self, row: Any) -> None:
        """One fill, of any coin and time."""
        text, time, coin = json.dumps(row, sort_keys=True, default=str), _time_of(row), at(row, "coin")
        if time is not None and not self._start <= time < self._end:
            return
        if time is not None:
            self.oldest = time if self.oldest is None else min(time, self.oldest)
        if isinstance(coin, str) and coin and coin != self.coin:
            self.others += text not in self._others
            self._others.add(text)
            return
        self.again += text in self.rows
        self.rows.setdefault(text, row)

    @property
    def known(self) -> int:
        """Fills of the span, whatever the coin."""
        return len(self.rows) + self.others


def _joined(parts: Sequence[Delivery]) -> Delivery:
    return Delivery(
        pl.concat([pl.DataFrame(schema=FILLS), *(part.frame for part in parts)]).sort(
            "time", "address", "id"
        ),
        pl.concat([pl.DataFrame(schema=QUARANTINE), *(part.quarantine for part in parts)]),
        tuple(note for part in parts for note in part.notes),
        check_local_time=False,
        duplicates=sum(part.duplicates for part in parts),
        evidence=pl.concat([pl.DataFrame(schema=WALLET_EVIDENCE), *(part.evidence for part in parts)]).sort(
            "time", "end", "address"
        ),
    )


def _time_of(row: Any) -> int | None:
    return micros_of_number(at(row, "time"), 1000)


def _key_of(row: Any) -> str:
    tid = at(row, "tid")
    return json.dumps(row, sort_keys=True, default=str) if tid is None else f"{tid} {at(row, 'side')}"


def _evidence(address: str, walked: Walk, found: _Found, span: Span, now: datetime) -> pl.DataFrame:
    start, end, moment = micros(span[0]), micros(min(span[1], now)), micros(now)
    spans = [(at, at + 1000, "more fills in this moment than one answer holds") for at in walked.crowded]
    if found.known >= KEPT and found.oldest is not None:
        spans.append((start, found.oldest, f"the venue keeps the newest {KEPT:,} fills of a wallet only"))
    rows = [(address, a, b, "unknown", why, moment) for a, b, why in sorted(spans) if a < b]
    if start < end and found.known:
        rows.append((address, start, end, ASKED, "its fills were asked for", moment))
    return table(rows, WALLET_EVIDENCE)
