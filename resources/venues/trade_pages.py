"""How venues' public trades are paged, each by its own cursor. Rows stay as they were sent; trades.py reads them.

Coinbase goes by windows of seconds (coinbase_trades.py), Kraken by nanoseconds, Alpaca by a token, Hyperliquid has
none for a span, and any other goes forward from the last time, through ccxt's parser.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from pipelines.errors import BadAnswer, VenueRefused
from resources.venues.coinbase_trades import windows
from resources.venues.exchange import market_of, speaking
from resources.venues.fields import micros, part, rows_of
from resources.venues.forward import Question, Rows, Span, Tell, Walk, believed, walk
from resources.venues.trade_forms import ALPACA, KRAKEN, OTHERS

KRAKEN_MOST, ALPACA_MOST, OTHERS_MOST = 1000, 10_000, 1000


@dataclass
class Paging:
    """What is asked of whom, and what is found out on the way."""

    exchange: Any
    symbol: str
    span: Span
    tell: Tell
    walked: Walk = field(default_factory=Walk)

    @property
    def venue(self) -> str:
        """Our name of it."""
        return str(self.exchange.named.venue)


def pages_of(paging: Paging) -> Iterator[Rows]:
    """The venue's rows of a span, answer by answer; rows may repeat and may lie outside of the span."""
    match paging.exchange.named.id:
        case "coinbase":
            product = market_of(paging.exchange, paging.symbol)["id"]
            return windows(paging.exchange, product, paging.span, paging.tell, paging.walked)
        case "kraken":
            return _kraken(paging)
        case "alpaca":
            return _alpaca(paging)
        case "hyperliquid":
            raise VenueRefused(
                f"{paging.venue} serves no public trades of a span: expected its candles or the tick archive to be "
                f"asked; give {paging.venue}.{paging.symbol} a name under source.venues.tardis.markets."
            )
    return _others(paging)


def _kraken(paging: Paging) -> Iterator[Rows]:
    pair = market_of(paging.exchange, paging.symbol)["id"]

    def ask(cursor: int) -> Rows:
        since = (cursor - 1) * 1000  # ns; what comes after it, so that the row at the cursor comes again
        with speaking(paging.venue):
            said = paging.exchange.publicGetTrades({"pair": pair, "since": str(since), "count": KRAKEN_MOST})
        result = part(said, "result", paging.venue)
        names = [name for name in result if name != "last"] if isinstance(result, Mapping) else []
        if len(names) != 1:
            raise BadAnswer(
                f"{paging.venue} answered trades of {', '.join(names) or 'no market'}: expected those of {pair}; "
                "nothing of it is used, run the same command again later."
            )
        return rows_of(result[names[0]], "trades", paging.venue, KRAKEN.needed)

    question = Question(paging.venue, "trades", ask, KRAKEN.time_of, KRAKEN.key_of, 1)
    return walk(question, paging.span, paging.tell, paging.walked)


def _alpaca(paging: Paging) -> Iterator[Rows]:
    """By token: the venue keeps the place, so its answers do not overlap; a token that comes back is a loop."""
    name, (start, end) = paging.exchange.named.name_of(paging.symbol), paging.span
    token: str | None = None
    seen: set[str | None] = set()
    while token not in seen:
        seen.add(token)
        said: dict[str, Any] = {}
        rows = believed(partial(_alpaca_page, paging, name, token, said))
        paging.walked.pages += 1
        yield rows
        times = [time for row in rows if (time := ALPACA.time_of(row)) is not None]
        if times:
            paging.tell(
                f"trades of {paging.venue}", (max(times) - micros(start)) / (micros(end) - micros(start))
            )
        token = said.get("next_page_token")
        if not token:
            if not rows and len(seen) == 1:
                paging.walked.empty.append(paging.span)
            return
    raise BadAnswer(
        f"{paging.venue} names page {token!r} twice: expected a next one; nothing is used, run it again later."
    )


def _alpaca_page(paging: Paging, name: str, token: str | None, box: dict[str, Any]) -> Rows:
    asked = {
        "loc": "us",
        "symbols": name,
        "limit": ALPACA_MOST,
        "sort": "asc",
        "start": _iso(paging.span[0]),
        "end": _iso(paging.span[1]),
    }
    with speaking(paging.venue):
        said = paging.exchange.marketPublicGetV1beta3CryptoLocTrades(
            {**asked, "page_token": token} if token else asked
        )
    trades = part(said, "trades", paging.venue)
    box.update(said)
    found = trades.get(name, []) if isinstance(trades, Mapping) else [] if trades is None else trades
    return rows_of(found, "trades", paging.venue, ALPACA.needed)


def _others(paging: Paging) -> Iterator[Rows]:
    exchange = paging.exchange
    if not exchange.has.get("fetchTrades"):
        raise VenueRefused(
            f"{paging.venue} serves no public trades: expected another venue; choose one that does."
        )
    name = market_of(exchange, paging.symbol)["symbol"]

    def ask(cursor: int) -> Rows:
        with speaking(paging.venue):
            return list(exchange.fetch_trades(name, cursor // 1000, OTHERS_MOST))

    question = Question(paging.venue, "trades", ask, OTHERS.time_of, OTHERS.key_of, 1000)
    return walk(question, paging.span, paging.tell, paging.walked)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
