"""Alpaca's stock bars (GET /v2/stocks/bars) as candles of the regular session. Its crypto goes through ccxt.

No recorded answer of this API exists here: its form is that of Alpaca's published clients. What the rows mean, and
what is known about bars that were not sent, is stock_pages.py.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import polars as pl

from pipelines.errors import BadAnswer, NoAnswer, RateLimited, VenueDown, VenueRefused
from pipelines.market.calendars import Calendar
from pipelines.market.candle_answers import continues
from pipelines.market.paging import Span, closed_end, together
from pipelines.market.schemas import UTC_US
from pipelines.market.timeframes import length_of
from resources.sources.source import Delivery
from resources.venues.stock_pages import VENUE, StockPages
from resources.venues.transport import Request, Transport, read_json

BASE_URL = "https://data.alpaca.markets"
TIMEFRAMES = {"1m": "1Min", "5m": "5Min", "15m": "15Min", "30m": "30Min"}
FEEDS = ("iex", "sip")
PER_PAGE = 10_000
SECOND = timedelta(seconds=1)


def fetch_stock_candles(
    symbol: str,
    timeframe: str,
    spans: Sequence[Span],
    transport: Transport,
    keys: Mapping[str, str],
    base_url: str,
    calendar: Calendar,
    server_now: datetime,
    tell: Callable[[str], None],
    feed: str = "iex",
    newest: datetime | None = None,
) -> Delivery:
    """FIRST_SEEN candles of a share (`AAPL-USD`) that open in the half-open spans, and EVIDENCE about the rest.

    keys : `apiKey` and `secret`; feed : iex (one exchange, free) or sip (all of them)
    newest : open time of the newest stored candle, None: none is stored; only what is after it can lie in an outage
    Spans at most a page apart are asked for together. Bars outside the calendar's sessions are quarantined, and one
    that has not closed by `server_now` is not asked for. Prices are unadjusted. An outage, a limit or a broken answer
    becomes EVIDENCE and one sentence to `tell`; what came before it is kept. Raises VenueRefused without keys, for a
    timeframe or feed that is not offered, or when Alpaca refuses them.
    """
    _check(timeframe, feed)
    length = length_of(timeframe)
    closed = closed_end(server_now, length)
    expected = [calendar.opens(start, min(end, closed), timeframe) for start, end in spans]
    wanted = [(opens[0], opens[-1] + length) for opens in expected if len(opens)]
    asked = together(wanted, PER_PAGE * length)
    pages = StockPages(symbol, timeframe, server_now, feed)
    asker = _Asker(pages, transport, _headers(keys), base_url or BASE_URL)
    for done, span in enumerate(asked):
        transport.progress = f"{symbol} {timeframe}: {done} of {len(asked)} spans done"
        try:
            asker.ask(span)
        except (NoAnswer, RateLimited) as error:  # neither is an outage, and asking on is no use
            pages.failed += [(rest, "unknown", str(error)) for rest in pages.left(asked[done:])]
            tell(str(error))
            break
        except VenueDown as error:
            pages.fell_out(pages.left(asked[done:]), str(error), newest)
            tell(str(error))
            break
        except BadAnswer as error:
            pages.failed += [(rest, "unknown", str(error)) for rest in pages.left([span])]
            tell(str(error))
    transport.progress = ""
    nothing = pl.Series("open_time", [], dtype=UTC_US)
    opens = pl.concat([nothing, *expected]).unique().sort()
    session = pl.concat([nothing, *(calendar.opens(*span, timeframe) for span in asked)])
    return pages.delivery(opens, session, tell)


@dataclass(frozen=True)
class _Asker:
    """Questions about one share."""

    pages: StockPages
    transport: Transport
    headers: Mapping[str, str]
    base_url: str

    def ask(self, span: Span) -> None:
        """Ask for a span page by page to the last token; raises the VenueError tree."""
        token: str | None = None
        tokens: set[str] = set()
        while True:
            answer = self.transport.send(Request("GET", self._url(span, token), self.headers))
            page = self._checked(read_json(answer, VENUE))
            self.pages.add(page, span, len(tokens) + 1, answer.received_at)
            token = continues(VENUE, page)
            if token is None:
                return
            if token in tokens:
                raise BadAnswer(
                    f"{VENUE} went back to a page of {self.pages.symbol} that it had sent ({token}): expected a new "
                    "page or the end; run the same command again later."
                )
            tokens.add(token)

    def _checked(self, page: Any) -> dict[str, Any]:
        """The page itself; a page that does not say how it goes on would end the history without a word."""
        if isinstance(page, dict) and "next_page_token" in page and "bars" in page:
            return page if page["bars"] is not None else {**page, "bars": {}}
        raise BadAnswer(
            f"{VENUE} answered something that is not its form of bars of {self.pages.symbol}: expected bars and "
            f"next_page_token, found {json.dumps(page, default=str)[:120]}; nothing of it is used."
        )

    def _url(self, span: Span, token: str | None) -> str:
        asked = {
            "symbols": self.pages.ticker,
            "timeframe": TIMEFRAMES[self.pages.timeframe],
            "start": f"{span[0]:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{span[1] - SECOND:%Y-%m-%dT%H:%M:%SZ}",  # inclusive
            "limit": str(PER_PAGE),
            "feed": self.pages.feed,
            "adjustment": "raw",
            "sort": "asc",
        }
        return f"{self.base_url}/v2/stocks/bars?{urlencode(asked | ({'page_token': token} if token else {}))}"


def _headers(keys: Mapping[str, str]) -> dict[str, str]:
    if not keys.get("apiKey") or not keys.get("secret"):
        raise VenueRefused(
            "alpaca serves stock bars only with keys: expected ALPACA_API_KEY and ALPACA_API_SECRET in the "
            "environment, found none or one; set both."
        )
    return {"APCA-API-KEY-ID": keys["apiKey"], "APCA-API-SECRET-KEY": keys["secret"]}


def _check(timeframe: str, feed: str) -> None:
    if timeframe not in TIMEFRAMES:
        raise VenueRefused(
            f"alpaca is not asked for {timeframe} bars of stocks: expected one of {', '.join(TIMEFRAMES)}, which fill "
            "a session; correct the timeframe."
        )
    if feed not in FEEDS:
        raise VenueRefused(
            f"alpaca has no feed {feed!r} of stocks: expected one of {', '.join(FEEDS)}; correct it."
        )
